package mongo

import (
	"context"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/dejahq/deja"
)

// AppendMessages is part of deja.Store.
//
// A message takes the number after the last one by being inserted with it:
// the unique index on thread and seq lets one of several writers have it, and
// the others try the next. The thread's seq is raised after that, and only
// then are the messages listed. So all messages up to a thread's seq are there
// when somebody reads that seq, and none is inserted below it later. (Were
// numbers handed out first and messages inserted next, a thread could be at
// n+1 while message n is still on its way, and a reader would take what is
// there for complete.) A writer that dies before it raises the seq leaves
// messages that nobody lists, until its caller tries again and finds them
// there, or another append finds their numbers taken and goes on above them.
func (s *Store) AppendMessages(ctx context.Context, threadID string, ms ...*deja.Message) (int64, error) {
	return s.append(ctx, threadID, func(context.Context, *threadDoc) error { return nil }, ms)
}

// AddMessage is part of deja.Store. A run that claims the thread between the
// look and the insert finds the message in its context or answers without it;
// nothing is lost.
func (s *Store) AddMessage(ctx context.Context, m *deja.Message, now time.Time) (int64, error) {
	return s.append(ctx, m.ThreadID, func(ctx context.Context, t *threadDoc) error {
		busy := t.thread().Busy(now)
		if busy == nil {
			return nil
		}
		// A retry of what succeeded succeeds, and a run that has ended does not
		// hold the thread, even if its node died before it said so.
		stored, _, err := s.taken(ctx, t.ID, []*deja.Message{m})
		if _, retry := stored[m.ID]; retry || err != nil {
			return err
		}
		if ended, err := s.ended(ctx, t.ID, t.ActiveRun); ended || err != nil {
			return err
		}
		return busy
	}, []*deja.Message{m})
}

func (s *Store) append(ctx context.Context, threadID string, may func(context.Context, *threadDoc) error, ms []*deja.Message) (int64, error) {
	ctx = deja.Writing(ctx)
	if err := s.gate.enter(); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	t, err := s.thread(ctx, s.threads.latest(), threadID)
	if err != nil {
		return 0, err
	}
	if err := may(ctx, t); err != nil {
		return 0, err
	}
	if len(ms) == 0 {
		return t.Seq, nil
	}
	last, err := s.insertMessages(ctx, t, ms)
	if err != nil {
		return 0, err
	}
	var now threadDoc
	there, err := s.threads.updated(ctx, byID(threadID), raiseSeq(last), &now)
	if err != nil {
		return 0, err
	}
	if !there { // deleted meanwhile; what was inserted after that is swept up
		return 0, noThread(threadID)
	}
	return now.Seq, nil
}

func raiseSeq(to int64) bson.D {
	return bson.D{{Key: "$max", Value: bson.D{{Key: "seq", Value: to}}}}
}

// maxIdle is how many attempts in a row may get nowhere. Each attempt that
// finds a number taken goes on above it, so one that does not get on has met
// a message that was deleted between two looks, or an id whose key belongs to
// another message.
const maxIdle = 10

// insertMessages inserts what is not there yet, sets Seq, Version and ThreadID
// on all, and gives the highest seq among them.
func (s *Store) insertMessages(ctx context.Context, t *threadDoc, ms []*deja.Message) (int64, error) {
	seq := t.Seq
	var last int64
	todo := ms
	for idle := 0; len(todo) > 0; {
		docs := make([]any, len(todo))
		for i, m := range todo {
			docs[i] = newMessageDoc(t.ID, m, seq+int64(i)+1)
		}
		n, err := s.messages.insertMany(ctx, docs, true)
		if err != nil && !driver.IsDuplicateKeyError(err) {
			return 0, err
		}
		for _, m := range todo[:n] {
			seq++
			m.ThreadID, m.Seq, m.Version = t.ID, seq, 1
			last = max(last, seq)
		}
		todo = todo[n:]
		if err == nil {
			break
		}
		stored, top, err := s.taken(ctx, t.ID, todo)
		if err != nil {
			return 0, err
		}
		var rest []*deja.Message
		for _, m := range todo {
			if d, is := stored[m.ID]; is {
				m.ThreadID, m.Seq, m.Version = t.ID, d.Seq, d.Version
				last = max(last, d.Seq)
			} else {
				rest = append(rest, m)
			}
		}
		if n == 0 && top <= seq && len(rest) == len(todo) {
			if idle++; idle == maxIdle {
				return 0, exists("message", todo[0].ID)
			}
		} else {
			idle = 0
		}
		todo, seq = rest, max(seq, top)
		// Others want the same numbers: give way a little, not in step.
		if err := pause(ctx, rand.N(time.Duration(idle+1)*time.Millisecond)); err != nil {
			return 0, fail(ctx, err)
		}
	}
	return last, nil
}

// taken gives which of the messages are in the thread already, and the
// thread's highest seq.
func (s *Store) taken(ctx context.Context, threadID string, ms []*deja.Message) (map[string]messageDoc, int64, error) {
	keys := make([]string, len(ms))
	for i, m := range ms {
		keys[i] = messageKey(threadID, m.ID)
	}
	fields := bson.D{{Key: "id", Value: 1}, {Key: "seq", Value: 1}, {Key: "_v", Value: 1}}
	of := bson.E{Key: "thread_id", Value: threadID}
	docs, err := find[messageDoc](ctx, s.messages.latest(), append(in("_id", keys), of), options.Find().SetProjection(fields))
	if err != nil {
		return nil, 0, err
	}
	stored := make(map[string]messageDoc, len(docs))
	for _, d := range docs {
		stored[d.ID] = d
	}
	top, err := find[messageDoc](ctx, s.messages.latest(), bson.D{of}, options.Find().SetProjection(fields).SetSort(bson.D{{Key: "seq", Value: -1}}).SetLimit(1))
	if err != nil || len(top) == 0 {
		return stored, 0, err
	}
	return stored, top[0].Seq, nil
}

func newMessageDoc(threadID string, m *deja.Message, seq int64) *messageDoc {
	return &messageDoc{
		Key: messageKey(threadID, m.ID), ID: m.ID, ThreadID: threadID, Seq: seq, Version: 1,
		CreatedAt: m.CreatedAt, Role: m.Role, Content: m.Content, AssistantID: m.AssistantID, RunID: m.RunID,
		Attachments: m.Attachments, Metadata: m.Metadata,
	}
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
