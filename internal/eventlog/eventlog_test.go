package eventlog_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/eventlog"
)

func seqs(l *eventlog.Log, after uint64) (all []uint64) {
	events, _ := l.After(after)
	for _, e := range events {
		all = append(all, e.Seq)
	}
	return all
}

func TestTheLastAreKept(t *testing.T) {
	t.Parallel()
	l := eventlog.New(3)
	if got := seqs(l, 0); len(got) != 0 {
		t.Errorf("%v", got)
	}
	for i := range 5 {
		l.Add(eventlog.Event{Kind: eventlog.Reset, Message: fmt.Sprint(i + 1)})
	}
	for after, want := range map[uint64]string{0: "[3 4 5]", 2: "[3 4 5]", 3: "[4 5]", 5: "[]", 99: "[3 4 5]"} {
		if got := fmt.Sprint(seqs(l, after)); got != want {
			t.Errorf("after %d: %s, want %s", after, got, want)
		}
	}
	events, _ := l.After(4)
	if e := events[0]; e.Message != "5" || e.Time.IsZero() || e.Kind != eventlog.Reset {
		t.Errorf("%+v", e)
	}
}

func TestNewsAreTold(t *testing.T) {
	t.Parallel()
	l := eventlog.New(0)
	_, more := l.After(0)
	select {
	case <-more:
		t.Fatal("there is nothing yet")
	default:
	}
	l.Engine(cache.Event{Kind: cache.EventInvalidation, Node: "a", Key: "k", Message: "m", Receipt: cache.Receipt{Nodes: 3}})
	<-more
	events, _ := l.After(0)
	if e := events[0]; e.Receipt == nil || e.Receipt.Nodes != 3 || e.Key != "k" || e.Node != "a" || e.Kind != "invalidation" {
		t.Errorf("%+v", e)
	}
	l.Engine(cache.Event{Kind: cache.EventBreaker})
	if events, _ := l.After(1); events[0].Receipt != nil {
		t.Error("a breaker has a receipt")
	}
	var none *eventlog.Log
	none.Add(eventlog.Event{})
	if events, _ := none.After(0); events != nil {
		t.Error("no log has events")
	}
}

func TestManyWriters(t *testing.T) {
	t.Parallel()
	l := eventlog.New(1000)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				l.Add(eventlog.Event{})
			}
		})
	}
	all.Wait()
	for i, seq := range seqs(l, 0) {
		if seq != uint64(i+1) {
			t.Fatalf("event %d has number %d", i, seq)
		}
	}
	if n := len(seqs(l, 0)); n != 800 {
		t.Errorf("%d events", n)
	}
}
