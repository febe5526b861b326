package mongo_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/mongo"
	"github.com/dejahq/deja/internal/mongotest"
	"github.com/dejahq/deja/internal/redistest"
)

// watching starts Watch and gives its changes, in order.
func watching(t *testing.T, s *mongo.Store) <-chan mongo.Change {
	t.Helper()
	changes := make(chan mongo.Change, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Watch(ctx, func(c mongo.Change) { changes <- c }); err != nil {
			t.Errorf("Watch: %v", err)
		}
		close(changes)
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return changes
}

// next gives the first change about an assistant, in time.
func next(t *testing.T, changes <-chan mongo.Change, id string) mongo.Change {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case c, open := <-changes:
			if !open {
				t.Fatal("Watch has ended")
			}
			if c.AssistantID == id {
				return c
			}
		case <-timeout:
			t.Fatalf("no change of %q is reported", id)
		}
	}
}

// await makes assistants until Watch reports one: changes from before it
// began are not reported, and nobody says when it has begun.
func await(t *testing.T, s *mongo.Store, changes <-chan mongo.Change) {
	t.Helper()
	for range 200 {
		newAssistant(t, s)
		select {
		case <-changes:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatal("nothing is reported")
}

func newAssistant(t *testing.T, s *mongo.Store) *deja.Assistant {
	t.Helper()
	a := &deja.Assistant{ID: deja.NewID(deja.AssistantPrefix), CreatedAt: time.Now(), Model: "m"}
	if err := s.CreateAssistant(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	return a
}

// assistantsOf gives the collection as somebody sees it who edits by hand.
func assistantsOf(t *testing.T, uri string) *driver.Collection {
	t.Helper()
	client, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Disconnect(context.Background()) })
	_, database, _ := strings.Cut(strings.TrimPrefix(uri, "mongodb://"), "/")
	database, _, _ = strings.Cut(database, "?")
	return client.Database(database).Collection("assistants")
}

func TestWatch(t *testing.T) {
	t.Parallel()
	uri := mongotest.Start(t)
	s, other := open(t, uri), open(t, uri)
	changes := watching(t, s)
	await(t, s, changes)

	a := newAssistant(t, other)
	if c := next(t, changes, a.ID); c.Version != 1 || c.ByHand {
		t.Errorf("created: %+v", c)
	}
	a.Name = "by another node"
	if err := other.UpdateAssistant(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if c := next(t, changes, a.ID); c.Version != 2 || mongotest.Real() && c.ByHand {
		t.Errorf("updated: %+v", c)
	}
	hand := assistantsOf(t, uri)
	if _, err := hand.UpdateByID(t.Context(), a.ID, bson.D{{Key: "$set", Value: bson.D{{Key: "instructions", Value: "by hand"}}}}); err != nil {
		t.Fatal(err)
	}
	if c := next(t, changes, a.ID); c.Version != 2 || !c.ByHand {
		t.Errorf("edited by hand: %+v", c)
	}
	if _, err := hand.DeleteOne(t.Context(), bson.D{{Key: "_id", Value: a.ID}}); err != nil {
		t.Fatal(err)
	}
	if c := next(t, changes, a.ID); c.Version != 0 {
		t.Errorf("deleted: %+v", c)
	}
}

// TestWatchGoesOn takes the server away from a watcher until the driver has
// given up, and makes changes meanwhile.
func TestWatchGoesOn(t *testing.T) {
	t.Parallel()
	uri := mongotest.Start(t)
	if mongotest.Real() {
		t.Skip(mongotest.RealServer + " is set: its topology cannot be put behind a proxy")
	}
	host, _, _ := strings.Cut(strings.TrimPrefix(uri, "mongodb://"), "/")
	proxy := redistest.NewProxy(t, host)
	lines := make(logLines, 100)
	s, err := mongo.Open(t.Context(), mongo.Options{
		URI:    deja.NewSecret(strings.Replace(uri, host, proxy.Addr(), 1) + "?serverSelectionTimeoutMS=1000"),
		Logger: slog.New(slog.NewTextHandler(lines, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	other := open(t, uri)
	changes := watching(t, s)
	await(t, other, changes)
	next(t, changes, newAssistant(t, other).ID)

	proxy.Refuse()
	if line := <-lines; !strings.Contains(line, "change stream broke off") {
		t.Errorf("the log says %s", line)
	}
	var missed []string
	for range 5 {
		missed = append(missed, newAssistant(t, other).ID)
	}
	proxy.Heal()
	for _, id := range missed {
		next(t, changes, id)
	}
}

// logLines gives what is logged, line by line.
type logLines chan string

func (l logLines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// TestWatchSaysWhatItMissed drops the collection: nobody can say then what
// has changed.
func TestWatchSaysWhatItMissed(t *testing.T) {
	t.Parallel()
	uri := mongotest.Start(t)
	s := open(t, uri)
	changes := watching(t, s)
	await(t, s, changes)
	if err := assistantsOf(t, uri).Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	next(t, changes, "")
}

func TestWatchEndsWithTheStore(t *testing.T) {
	t.Parallel()
	s := open(t, mongotest.Start(t))
	changes := watching(t, s)
	await(t, s, changes)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range changes {
	}
}

// TestWatchUnsupported asks for the change stream of a server that has none.
func TestWatchUnsupported(t *testing.T) {
	t.Parallel()
	if mongotest.Real() {
		t.Skip(mongotest.RealServer + " is set: it may have change streams")
	}
	var log bytes.Buffer
	s, err := mongo.Open(t.Context(), mongo.Options{
		URI: deja.NewSecret(mongotest.StartStandalone(t)), Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Watch(t.Context(), func(c mongo.Change) { t.Errorf("%+v is reported", c) }); err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "change streams") {
		t.Errorf("the log says:\n%s", log.String())
	}
}
