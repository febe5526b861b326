package mongo

import (
	"context"
	"encoding/json"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/dejahq/deja"
)

type threadDoc struct {
	ID            string          `bson:"_id"`
	Version       int64           `bson:"_v"`
	CreatedAt     time.Time       `bson:"created_at"`
	Metadata      metadata        `bson:"metadata"`
	ToolResources json.RawMessage `bson:"tool_resources"`
	Seq           int64           `bson:"seq"` // see AppendMessages
	ActiveRun     string          `bson:"active_run"`
	ActiveUntil   time.Time       `bson:"active_until"`
}

func (d *threadDoc) thread() *deja.Thread {
	return &deja.Thread{
		ID: d.ID, Version: d.Version, CreatedAt: d.CreatedAt, Metadata: d.Metadata, ToolResources: d.ToolResources,
		Seq: d.Seq, ActiveRun: d.ActiveRun, ActiveUntil: d.ActiveUntil,
	}
}

// CreateThread is part of deja.Store.
func (s *Store) CreateThread(ctx context.Context, t *deja.Thread) error {
	ctx = deja.Writing(ctx)
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	err := s.threads.insert(ctx, &threadDoc{
		ID: t.ID, Version: 1, CreatedAt: t.CreatedAt, Metadata: t.Metadata, ToolResources: t.ToolResources,
	})
	if driver.IsDuplicateKeyError(err) {
		return exists("thread", t.ID)
	}
	if err == nil {
		t.Version = 1
	}
	return err
}

// Thread is part of deja.Store.
func (s *Store) Thread(ctx context.Context, id string) (*deja.Thread, error) {
	if err := s.gate.enter(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	d, err := s.thread(ctx, s.threads, id)
	if err != nil {
		return nil, err
	}
	return d.thread(), nil
}

func (s *Store) thread(ctx context.Context, from collection, id string) (*threadDoc, error) {
	var d threadDoc
	found, err := from.one(ctx, byID(id), nil, &d)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, noThread(id)
	}
	return &d, nil
}

// UpdateThread is part of deja.Store.
func (s *Store) UpdateThread(ctx context.Context, t *deja.Thread) error {
	ctx = deja.Writing(ctx)
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	done, err := s.threads.update(ctx, atVersion(t.ID, t.Version), bson.D{
		{Key: "$set", Value: bson.D{{Key: "metadata", Value: metadata(t.Metadata)}, {Key: "tool_resources", Value: t.ToolResources}}},
		{Key: "$inc", Value: bson.D{{Key: "_v", Value: 1}}},
	})
	if err != nil {
		return err
	}
	if !done {
		return s.threads.missed(ctx, byID(t.ID), noThread(t.ID), changed("thread", t.ID))
	}
	t.Version++
	return nil
}

// DeleteThread is part of deja.Store. The thread goes first, and with it all
// that hangs on it is out of reach of every method that looks at the thread.
// The entry among the leftovers stays for an hour: a message or a run that was
// on its way when the thread went is swept up with it.
func (s *Store) DeleteThread(ctx context.Context, id string) error {
	ctx = deja.Writing(ctx)
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	if _, err := s.thread(ctx, s.threads.latest(), id); err != nil {
		return err
	}
	err := s.leftovers.insert(ctx, leftover{ID: id, Kind: leftThread, State: leaving, Since: time.Now()})
	if err != nil && !driver.IsDuplicateKeyError(err) {
		return err
	}
	gone, err := s.threads.delete(ctx, byID(id))
	if err != nil {
		return err
	}
	if err := s.removeThread(context.WithoutCancel(ctx), id); err != nil {
		return err
	}
	if !gone {
		return noThread(id)
	}
	return nil
}

// removeThread removes what belongs to a thread that is gone.
func (s *Store) removeThread(ctx context.Context, id string) error {
	of := bson.D{{Key: "thread_id", Value: id}}
	if err := s.messages.deleteAll(ctx, of); err != nil {
		return err
	}
	return s.runs.deleteAll(ctx, of)
}
