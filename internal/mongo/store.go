package mongo

import (
	"context"
	"log/slog"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"

	"github.com/dejahq/deja"
)

// Store is a deja.Store on MongoDB. Safe for concurrent use, also by other
// processes on the same database.
type Store struct {
	client  *driver.Client
	db      *driver.Database
	timeout time.Duration
	log     *slog.Logger
	gate    *gate

	assistants, sources, threads, messages, runs, leftovers, days collection
}

var _ deja.Store = (*Store)(nil)

// Open connects to MongoDB, creates what indexes are missing, and sweeps up
// after nodes that died. It waits for a server for Options.ConnectTimeout; a
// server that is away is CodeUnavailable, options that cannot be right are
// CodeInvalid.
func Open(ctx context.Context, o Options) (*Store, error) {
	o, clientOptions, err := o.checked()
	if err != nil {
		return nil, err
	}
	client, err := driver.Connect(clientOptions)
	if err != nil {
		return nil, deja.Wrap(deja.CodeInvalid, err, "MongoDB: the connection string's settings do not fit together.")
	}
	db := client.Database(o.Database)
	s := &Store{client: client, db: db, timeout: o.Timeout, log: o.Logger, gate: newGate()}
	s.assistants = collection{s, db.Collection("assistants")}
	s.sources = collection{s, db.Collection("sources")}
	s.threads = collection{s, db.Collection("threads")}
	s.messages = collection{s, db.Collection("messages")}
	s.runs = collection{s, db.Collection("runs")}
	s.leftovers = collection{s, db.Collection("leftovers")}
	s.days = collection{s, db.Collection("days")}
	err = s.Ping(ctx)
	if err == nil {
		err = s.createIndexes(ctx)
	}
	if err == nil {
		err = s.Sweep(ctx)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// createIndexes creates what is missing; what is there is left alone.
func (s *Store) createIndexes(ctx context.Context) error {
	index := func(keys ...string) driver.IndexModel {
		var d bson.D
		for _, k := range keys {
			d = append(d, bson.E{Key: k, Value: 1})
		}
		return driver.IndexModel{Keys: d, Options: options.Index()}
	}
	numbers, held, dirty := index("thread_id", "seq"), index("active_run"), index("dirty")
	numbers.Options.SetUnique(true)
	held.Options.SetPartialFilterExpression(bson.D{{Key: "active_run", Value: bson.D{{Key: "$gt", Value: ""}}}})
	dirty.Options.SetPartialFilterExpression(isDirty)
	for _, want := range []struct {
		on      collection
		indexes []driver.IndexModel
	}{
		{s.assistants, []driver.IndexModel{index("created_at", "ord"), dirty}},
		{s.sources, []driver.IndexModel{index("assistant_id"), index("tables.id")}},
		{s.threads, []driver.IndexModel{held}},
		{s.messages, []driver.IndexModel{numbers, index("thread_id", "run_id", "seq")}},
		{s.runs, []driver.IndexModel{index("thread_id", "created_at", "ord"), index("status", "seen_at")}},
		{s.leftovers, []driver.IndexModel{index("since"), index("kind", "since")}},
		{s.days, []driver.IndexModel{index("day")}},
	} {
		if _, err := want.on.c.Indexes().CreateMany(ctx, want.indexes); err != nil {
			return fail(ctx, err)
		}
	}
	return nil
}

// Ping reports whether the primary answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	ctx, cancel := s.limited(ctx)
	defer cancel()
	return fail(ctx, s.client.Ping(ctx, readpref.Primary()))
}

// Name is "mongodb".
func (s *Store) Name() string { return "mongodb" }

// closeTime is how long Close lets connections finish after the last call has
// returned.
const closeTime = 5 * time.Second

// Close waits for the calls under way and disconnects; calls made later are
// CodeUnavailable. It is idempotent.
func (s *Store) Close() error {
	if !s.gate.close() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	return fail(ctx, s.client.Disconnect(ctx))
}
