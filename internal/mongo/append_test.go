package mongo

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/mongotest"
)

// TestContextsAreComplete appends from two nodes and reads from both: a
// context holds every message up to its Seq, so that no message is ever
// inserted below what somebody has seen.
func TestContextsAreComplete(t *testing.T) {
	t.Parallel()
	const writers, appends, batch = 6, 15, 2
	uri := mongotest.Start(t)
	nodes := []*Store{openStore(t, uri), openStore(t, uri)}
	th := newThread(t, nodes[0])

	var done atomic.Bool
	var reading, writing sync.WaitGroup
	for _, s := range nodes {
		reading.Go(func() {
			for last := int64(0); !done.Load(); {
				tc, err := s.ThreadContext(t.Context(), th.ID, 1000)
				if err != nil {
					t.Error(err)
					return
				}
				if int64(len(tc.Messages)) != tc.Seq || tc.Seq < last {
					t.Errorf("a context at %d, after one at %d, has %d messages", tc.Seq, last, len(tc.Messages))
					return
				}
				last = tc.Seq
			}
		})
	}
	for w := range writers {
		writing.Go(func() {
			s := nodes[w%len(nodes)]
			for i := range appends {
				var ms []*deja.Message
				for k := range batch {
					ms = append(ms, newMessage(fmt.Sprintf("%d %d", w, i*batch+k)))
				}
				seq, err := s.AppendMessages(t.Context(), th.ID, ms...)
				if err != nil {
					t.Error(err)
					return
				}
				if ms[0].Seq >= ms[1].Seq || seq < ms[1].Seq {
					t.Errorf("appended as %d and %d, the thread is at %d", ms[0].Seq, ms[1].Seq, seq)
				}
				// What was acknowledged is in every context from now on.
				tc, err := nodes[(w+1)%len(nodes)].ThreadContext(t.Context(), th.ID, 0)
				if err != nil || tc.Seq < seq {
					t.Errorf("a context after the append to %d is at %d, %v", seq, tc.Seq, err)
				}
			}
		})
	}
	writing.Wait()
	done.Store(true)
	reading.Wait()

	next := make([]int, writers)
	tc, err := nodes[0].ThreadContext(t.Context(), th.ID, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range tc.Messages {
		var w, i int
		fmt.Sscan(m.Text(), &w, &i)
		if i != next[w] {
			t.Errorf("writer %d's message %d comes where %d should", w, i, next[w])
		}
		next[w]++
	}
	if len(tc.Messages) != writers*appends*batch {
		t.Errorf("%d messages", len(tc.Messages))
	}
}

// TestKeysThatCollide appends messages whose thread and id together spell the
// same key. Nothing deja gives out does.
func TestKeysThatCollide(t *testing.T) {
	t.Parallel()
	s := openStore(t, mongotest.Start(t))
	for _, id := range []string{"thread_a", "thread_a/b"} {
		if err := s.CreateThread(t.Context(), &deja.Thread{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	one, two := newMessage("one"), newMessage("two")
	one.ID, two.ID = "b/c", "c"
	if _, err := s.AppendMessages(t.Context(), "thread_a", one); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AppendMessages(t.Context(), "thread_a/b", two); deja.ErrorCode(err) != deja.CodeConflict {
		t.Errorf("%v, want %s", err, deja.CodeConflict)
	}
	_, err := s.Message(t.Context(), "thread_a/b", "c")
	wantNotFound(t, err)
}

// TestNumbersAreNotGivenOutAgain deletes a message whose append died before
// the thread knew of it.
func TestNumbersAreNotGivenOutAgain(t *testing.T) {
	t.Parallel()
	s := openStore(t, mongotest.Start(t))
	th, m := newThread(t, s), newMessage("half appended")
	if err := s.messages.insert(t.Context(), newMessageDoc(th.ID, m, 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteMessage(t.Context(), th.ID, m.ID); err != nil {
		t.Fatal(err)
	}
	next := newMessage("next")
	if seq, err := s.AppendMessages(t.Context(), th.ID, next); err != nil || seq != 2 || next.Seq != 2 {
		t.Errorf("the next message is %d, the thread is at %d, %v", next.Seq, seq, err)
	}
}
