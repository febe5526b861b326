package mongo

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Change says that an assistant was changed, by whomever.
type Change struct {
	// AssistantID is empty when changes may have been missed: any assistant
	// may have changed then.
	AssistantID string

	// Version is the assistant's version now, 0 when it is gone or not known.
	Version int64

	// ByHand says that the version may not have been raised by the change, as
	// deja always does: what is cached of this very version may be wrong.
	ByHand bool
}

// Times of Watch.
const (
	idlePause  = 200 * time.Millisecond // between looks at a server that does not wait for changes
	retryFirst = 500 * time.Millisecond // between attempts to go on, doubled each time
	retryLast  = 30 * time.Second
)

// Watch reports the assistants that are created, changed and deleted, by any
// node or by hand, until ctx or the store ends; then it gives nil. It calls f
// for one change after the other, in their order, for some of them twice when
// a connection was lost. On a server without change streams it says so in the
// log, once, and returns nil: what was edited by hand is then seen when caches
// expire.
func (s *Store) Watch(ctx context.Context, f func(Change)) error {
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.gate.closing:
			cancel()
		case <-ctx.Done():
		}
	}()

	w := watcher{s: s, report: f}
	for wait := retryFirst; ctx.Err() == nil; {
		began := time.Now()
		err := w.follow(ctx)
		if answered(err) {
			w.token = nil // the server may not go back that far any more
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case !w.opened && unsupported(err):
			s.log.WarnContext(ctx, "MongoDB offers no change streams: edits by hand are seen when caches expire", "error", err)
			return nil
		case time.Since(began) > retryLast:
			wait = retryFirst
		}
		s.log.WarnContext(ctx, "the change stream broke off and is taken up again", "error", err)
		if pause(ctx, wait/2+rand.N(wait/2)) != nil {
			return nil
		}
		wait = min(2*wait, retryLast)
	}
	return nil
}

// watcher follows the change stream of the assistants, and knows where it was.
type watcher struct {
	s      *Store
	report func(Change)
	opened bool // at least once
	token  bson.Raw
}

// follow reads the stream until it breaks off, from where the last one did.
func (w *watcher) follow(ctx context.Context) error {
	o := options.ChangeStream().SetFullDocument(options.UpdateLookup)
	if w.token != nil {
		o.SetResumeAfter(w.token)
	}
	stream, err := w.s.assistants.c.Watch(ctx, driver.Pipeline{}, o)
	if err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
		defer cancel()
		stream.Close(end)
	}()
	if w.opened && w.token == nil {
		w.report(Change{})
	}
	w.opened = true
	for {
		asked := time.Now()
		if stream.TryNext(ctx) {
			var e event
			if err := stream.Decode(&e); err != nil {
				w.report(Change{})
			} else if c, is := e.change(); is {
				w.report(c)
			}
			w.token = stream.ResumeToken()
			continue
		}
		if err := stream.Err(); err != nil {
			return err
		}
		if stream.ID() == 0 {
			w.token = nil
			return errors.New("the collection was dropped or renamed")
		}
		if token := stream.ResumeToken(); token != nil {
			w.token = token
		}
		// MongoDB waits a second for changes. Not every server does.
		if time.Since(asked) < idlePause {
			if err := pause(ctx, idlePause); err != nil {
				return err
			}
		}
	}
}

// event is what is read of a change event.
type event struct {
	Operation string `bson:"operationType"`
	Key       struct {
		ID    any    `bson:"_id"`
		Unset bson.D `bson:"$unset"` // some servers give the update here, and no description
	} `bson:"documentKey"`
	Full *struct {
		ID      string `bson:"_id"`
		Version int64  `bson:"_v"`
	} `bson:"fullDocument"`
	Update *struct {
		Fields  bson.Raw `bson:"updatedFields"`
		Removed []string `bson:"removedFields"`
	} `bson:"updateDescription"`
}

// change gives what an event means, if it means anything. An update's document
// is looked up when the event is read, so it may be a later version, or gone.
func (e *event) change() (Change, bool) {
	var c Change
	switch e.Operation {
	case "insert", "delete":
	case "update":
		if e.bookkeeping() {
			return c, false
		}
		c.ByHand = e.Update == nil || e.Update.Fields.Lookup("_v").Type == 0
	case "replace":
		c.ByHand = true // deja never does
	case "drop", "rename", "dropDatabase", "invalidate":
		return c, true
	default:
		return c, false
	}
	c.AssistantID, _ = e.Key.ID.(string)
	if e.Full != nil && e.Full.ID != "" {
		c.AssistantID, c.Version = e.Full.ID, e.Full.Version
	}
	return c, true
}

// bookkeeping reports whether an update did nothing but raise the fence or
// clear the mark, which are no part of the assistant.
func (e *event) bookkeeping() bool {
	if e.Update == nil {
		return len(e.Key.Unset) == 1 && e.Key.Unset[0].Key == "dirty"
	}
	fields, err := e.Update.Fields.Elements()
	foreign := func(field bson.RawElement) bool { return field.Key() != "fence" }
	return err == nil && len(fields)+len(e.Update.Removed) == 1 && !slices.ContainsFunc(fields, foreign) &&
		!slices.ContainsFunc(e.Update.Removed, func(field string) bool { return field != "dirty" })
}

// unsupported reports whether a server that cannot do change streams, or will
// not for this user, said so.
func unsupported(err error) bool { return answered(err) || hasCode(err, codeUnauthorized) }
