package mongo

import (
	"context"
	"encoding/json"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/dejahq/deja"
)

type messageDoc struct {
	Key         string          `bson:"_id"` // see messageKey
	ID          string          `bson:"id"`
	ThreadID    string          `bson:"thread_id"`
	Seq         int64           `bson:"seq"`
	Version     int64           `bson:"_v"`
	CreatedAt   time.Time       `bson:"created_at"`
	Role        deja.Role       `bson:"role"`
	Content     []deja.Part     `bson:"content"`
	AssistantID string          `bson:"assistant_id"`
	RunID       string          `bson:"run_id"`
	Attachments json.RawMessage `bson:"attachments"`
	Metadata    metadata        `bson:"metadata"`
}

// messageKey makes a message's id unique in its thread, not everywhere: the
// caller chooses it.
func messageKey(threadID, id string) string { return threadID + "/" + id }

func (d *messageDoc) message() *deja.Message {
	return &deja.Message{
		ID: d.ID, ThreadID: d.ThreadID, Seq: d.Seq, CreatedAt: d.CreatedAt, Role: d.Role, Content: d.Content,
		AssistantID: d.AssistantID, RunID: d.RunID, Attachments: d.Attachments, Metadata: d.Metadata, Version: d.Version,
	}
}

// ofThread finds a message by its key, and by its parts, because two pairs of
// ids that deja never gives out could have one key.
func ofThread(threadID, id string) bson.D {
	return bson.D{{Key: "_id", Value: messageKey(threadID, id)}, {Key: "thread_id", Value: threadID}, {Key: "id", Value: id}}
}

// Message is part of deja.Store.
func (s *Store) Message(ctx context.Context, threadID, id string) (*deja.Message, error) {
	if err := s.gate.enter(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	var d messageDoc
	found, err := s.messages.one(ctx, ofThread(threadID, id), nil, &d)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, noMessage(id)
	}
	return d.message(), nil
}

// messagesOf matches the messages that a thread lists: those up to its seq.
// Messages above it are being appended, see AppendMessages.
func messagesOf(t *threadDoc) bson.D {
	return bson.D{{Key: "thread_id", Value: t.ID}, {Key: "seq", Value: bson.D{{Key: "$lte", Value: t.Seq}}}}
}

// Messages is part of deja.Store.
func (s *Store) Messages(ctx context.Context, threadID, runID string, p deja.Page) (deja.Listing[deja.Message], error) {
	if err := s.gate.enter(); err != nil {
		return deja.Listing[deja.Message]{}, err
	}
	defer s.gate.leave()
	t, err := s.thread(ctx, s.threads, threadID)
	if err != nil {
		return deja.Listing[deja.Message]{}, err
	}
	filter := messagesOf(t)
	if runID != "" {
		filter = append(filter, bson.E{Key: "run_id", Value: runID})
	}
	return list(ctx, listing[messageDoc, deja.Message]{
		in: s.messages, filter: filter, keys: []string{"seq"}, convert: (*messageDoc).message,
		locate: func(id string) bson.D { return bson.D{{Key: "_id", Value: messageKey(threadID, id)}} },
	}, p)
}

// UpdateMessage is part of deja.Store.
func (s *Store) UpdateMessage(ctx context.Context, m *deja.Message) error {
	ctx = deja.Writing(ctx)
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	which := ofThread(m.ThreadID, m.ID)
	done, err := s.messages.update(ctx, append(which, bson.E{Key: "_v", Value: m.Version}), bson.D{
		{Key: "$set", Value: bson.D{{Key: "metadata", Value: metadata(m.Metadata)}}},
		{Key: "$inc", Value: bson.D{{Key: "_v", Value: 1}}},
	})
	if err != nil {
		return err
	}
	if !done {
		return s.messages.missed(ctx, which, noMessage(m.ID), changed("message", m.ID))
	}
	m.Version++
	return nil
}

// DeleteMessage is part of deja.Store. The thread's seq is raised to the
// message's first, for the case that its append died before doing so: else
// the number of the deleted message would be given out again.
func (s *Store) DeleteMessage(ctx context.Context, threadID, id string) error {
	ctx = deja.Writing(ctx)
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	var d messageDoc
	found, err := s.messages.latest().one(ctx, ofThread(threadID, id), bson.D{{Key: "seq", Value: 1}}, &d)
	if err != nil {
		return err
	}
	if !found {
		return noMessage(id)
	}
	if _, err := s.threads.update(ctx, byID(threadID), raiseSeq(d.Seq)); err != nil {
		return err
	}
	gone, err := s.messages.delete(ctx, ofThread(threadID, id))
	if err == nil && !gone {
		return noMessage(id)
	}
	return err
}

// ThreadContext is part of deja.Store. Seq is what the thread said before its
// messages were read, and all up to it were there then.
func (s *Store) ThreadContext(ctx context.Context, threadID string, limit int) (*deja.ThreadContext, error) {
	if err := s.gate.enter(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	limit = max(limit, 0)
	t, err := s.thread(ctx, s.threads, threadID)
	if err != nil {
		return nil, err
	}
	docs, err := find[messageDoc](ctx, s.messages, messagesOf(t),
		options.Find().SetSort(bson.D{{Key: "seq", Value: -1}}).SetLimit(int64(limit)+1))
	if err != nil {
		return nil, err
	}
	tc := &deja.ThreadContext{ThreadID: threadID, Seq: t.Seq}
	if len(docs) > limit {
		docs, tc.Truncated = docs[:limit], true
	}
	tc.Messages = make([]deja.Message, len(docs))
	for i := range docs {
		tc.Messages[len(docs)-1-i] = *docs[i].message()
	}
	return tc, nil
}
