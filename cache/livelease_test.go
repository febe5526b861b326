package cache_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// TestALeavingFollowerLeavesAlone: a follower that leaves while it waits costs
// its node nothing: Redis stays trusted, and memory and claims stand.
func TestALeavingFollowerLeavesAlone(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL())
	e, b := node(t, srv.URL())
	_, _, own := b.Claim(t.Context(), "own")
	defer own.Release(t.Context())
	_, _, lease := a.Claim(t.Context(), "x")
	defer lease.Release(t.Context())
	for range 5 {
		ctx, leave := context.WithCancel(t.Context())
		var left sync.WaitGroup
		left.Go(func() {
			for p, err := range b.Follow(ctx, "x") {
				if err == nil && p.Piece == nil {
					continue
				}
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%v, %v", p, err)
				}
			}
		})
		eventually(t, "it follows", lease.Followed)
		leave()
		left.Wait()
		if _, err := srv.Do("DEL", "{thing:x}:followed"); err != nil {
			t.Fatal(err)
		}
	}
	if h := e.Health(t.Context()); h.LastError != "" || h.Breaker != "closed" || !own.Held() {
		t.Errorf("%+v, its own claim stands: %t", h, own.Held())
	}
}

// TestAClaimIsAFollower: from the moment at which a claim is refused, because
// another node makes the value, that node does not give up for want of
// callers; and gives up once nobody follows.
func TestAClaimIsAFollower(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL())
	_, b := node(t, srv.URL())
	_, _, lease := a.Claim(t.Context(), "x")
	_, ok, refused := b.Claim(t.Context(), "x")
	if ok || refused.Held() || !refused.Current() {
		t.Fatal("two hold the lease")
	}
	if lease.Abandon(t.Context()) || !lease.Held() {
		t.Fatal("given up under a follower")
	}
	if _, err := srv.Do("DEL", "{thing:x}:followed"); err != nil {
		t.Fatal(err)
	}
	if !lease.Abandon(t.Context()) {
		t.Fatal("kept for nobody")
	}
	_, ok, next := b.Claim(t.Context(), "x")
	if ok || !next.Held() {
		t.Error("what was given up can't be claimed")
	}
	next.Release(t.Context())
}

// TestFollowersOutliveAnInvalidation: who follows a value in the making when
// it is invalidated reads it to the end; its maker can't store it, and who
// claims afterwards makes it anew, whether its key was invalidated or a group.
func TestFollowersOutliveAnInvalidation(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL())
	e, b := node(t, srv.URL())
	_, c := node(t, srv.URL())
	for name, invalidate := range map[string]func(id string) error{
		"key": func(id string) error {
			_, err := b.Invalidate(t.Context(), id, 0, cache.WithPromise(cache.Acknowledged))
			return err
		},
		"group": func(string) error {
			_, err := e.InvalidateGroup(t.Context(), "g", cache.WithPromise(cache.Acknowledged))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, old := a.Claim(t.Context(), name, cache.InGroup("g"))
			if stands, err := old.Publish(t.Context(), []byte("old 1")); !stands || err != nil {
				t.Fatal(stands, err)
			}
			_, _, refused := c.Claim(t.Context(), name, cache.InGroup("g"))
			begun, read := make(chan struct{}), make(chan []string, 1)
			go func() {
				var got []string
				for p, err := range c.Follow(t.Context(), name) {
					if err != nil {
						t.Error(err)
					}
					if p.Piece != nil {
						got = append(got, string(p.Piece))
					}
					if len(got) == 1 {
						close(begun)
					}
				}
				read <- got
			}()
			<-begun
			if err := invalidate(name); err != nil {
				t.Fatal(err)
			}
			if old.Held() || old.Current() || name == "group" && refused.Current() {
				t.Error("what was under way before counts as current")
			}
			_, ok, fresh := b.Claim(t.Context(), name, cache.InGroup("g"))
			if ok || !fresh.Held() {
				t.Fatal("no claim after the invalidation")
			}
			if stands, err := fresh.Publish(t.Context(), []byte("new 1")); !stands || err != nil {
				t.Fatal(stands, err)
			}
			if stands, err := old.PublishEnd(t.Context(), []byte("old 2")); !stands || err != nil {
				t.Error("the old one's followers are left alone:", stands, err)
			}
			if stored, err := old.Fill(t.Context(), "old", cache.Fill{}); stored || err != nil {
				t.Error("stored what was invalidated:", stored, err)
			}
			if got := <-read; !slices.Equal(got, []string{"old 1", "old 2"}) {
				t.Errorf("who followed read %v", got)
			}
			var all sync.WaitGroup
			all.Go(func() {
				if got, err := followed(t.Context(), a, name); err != nil || !slices.Equal(got, []string{"new 1", "new 2"}) {
					t.Errorf("who came afterwards read %v, %v", got, err)
				}
			})
			eventually(t, "the new one is followed", fresh.Followed)
			if stands, err := fresh.PublishEnd(t.Context(), []byte("new 2")); !stands || err != nil {
				t.Fatal(stands, err)
			}
			all.Wait()
			if stored, err := fresh.Fill(t.Context(), "new", cache.Fill{}); !stored || err != nil {
				t.Error("the new one is not stored:", stored, err)
			}
			if en, ok := c.Peek(t.Context(), name, cache.InGroup("g")); !ok || en.Value != "new" {
				t.Errorf("cached: %v", en)
			}
		})
	}
}

// TestAPausedHolderIsOver: a holder that could not reach Redis for longer than
// its lease neither publishes nor stores when it comes back.
func TestAPausedHolderIsOver(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	link := redistest.NewProxy(t, srv.Addr())
	_, a := node(t, "redis://"+link.Addr(), quick)
	_, b := node(t, srv.URL())
	_, _, lease := a.Claim(t.Context(), "x")
	if stands, err := lease.Publish(t.Context(), []byte("old")); !stands || err != nil {
		t.Fatal(stands, err)
	}
	link.Stall()
	for p, err := range b.Follow(t.Context(), "x") {
		if err != nil {
			if !errors.Is(err, cache.ErrNoHolder) {
				t.Error(err)
			}
		} else if p.Piece != nil && string(p.Piece) != "old" {
			t.Errorf("%s", p.Piece)
		}
	}
	_, ok, next := b.Claim(t.Context(), "x")
	if ok || !next.Held() {
		t.Fatal("the lease of one that hangs can't be had")
	}
	link.Heal()
	eventually(t, "it hears that it is over", func() bool { return !lease.Held() })
	eventually(t, "it publishes no more", func() bool {
		stands, err := lease.Publish(t.Context(), []byte("too late"))
		return !stands && err == nil
	})
	_, _ = lease.Fill(t.Context(), "too late", cache.Fill{})
	if stands, err := next.PublishEnd(t.Context(), []byte("new")); !stands || err != nil {
		t.Fatal(stands, err)
	}
	if stored, err := next.Fill(t.Context(), "new", cache.Fill{}); !stored || err != nil {
		t.Fatal(stored, err)
	}
	m, err := srv.Do("XLEN", "{thing:x}:live")
	if n, _ := m.AsInt64(); err != nil || n != 2 {
		t.Errorf("%d pieces, %v", n, err)
	}
	if en, ok := b.Peek(t.Context(), "x"); !ok || en.Value != "new" {
		t.Errorf("cached: %v", en)
	}
}

// TestAClaimKnowsItsGroups: whatever came in between while a lease was asked
// for, the claim doesn't stand any more once its group was invalidated.
func TestAClaimKnowsItsGroups(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	e, l := node(t, srv.URL())
	for i := range 300 {
		id, group := fmt.Sprint("x", i), fmt.Sprint("g", i)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := e.InvalidateGroup(t.Context(), group); err != nil {
				t.Error(err)
			}
		})
		_, _, lease := l.Claim(t.Context(), id, cache.InGroup(group))
		wg.Wait()
		if _, err := e.InvalidateGroup(t.Context(), group); err != nil {
			t.Fatal(err)
		}
		if lease.Held() || lease.Current() {
			t.Errorf("%d: a claim from before stands", i)
		}
		lease.Release(t.Context())
	}
}
