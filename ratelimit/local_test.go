package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func allow(t *testing.T, l *Limiter, id string, n int64) Result {
	t.Helper()
	r, err := l.Allow(t.Context(), id, n)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheWindowOpensWithTheFirstRequestAndIsNotProlonged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiterFor(t, Options{Limit: 3, Window: 10 * time.Second})
		time.Sleep(4 * time.Second) // windows are not those of the clock
		for i, want := range []Result{
			{Allowed: true, Limit: 3, Remaining: 2, ResetAfter: 10 * time.Second, Source: FromLocal},
			{Allowed: true, Limit: 3, Remaining: 1, ResetAfter: 8 * time.Second, Source: FromLocal},
			{Allowed: true, Limit: 3, Remaining: 0, ResetAfter: 6 * time.Second, Source: FromLocal},
			{Limit: 3, ResetAfter: 4 * time.Second, RetryAfter: 4 * time.Second, Source: FromLocal},
			{Limit: 3, ResetAfter: 2 * time.Second, RetryAfter: 2 * time.Second, Source: FromLocal},
			{Allowed: true, Limit: 3, Remaining: 2, ResetAfter: 10 * time.Second, Source: FromLocal},
		} {
			if diff := cmp.Diff(want, allow(t, l, "a", 1)); diff != "" {
				t.Errorf("request %d (-want +got):\n%s", i, diff)
			}
			time.Sleep(2 * time.Second)
		}
	})
}

func TestRefusedRequestsCostNothing(t *testing.T) {
	t.Parallel()
	l := limiterFor(t, Options{Limit: 10})
	allow(t, l, "a", 8)
	if r := allow(t, l, "a", 3); r.Allowed || r.Remaining != 2 {
		t.Errorf("3 of 2 remaining: %+v", r)
	}
	if r := allow(t, l, "a", 2); !r.Allowed || r.Remaining != 0 {
		t.Errorf("2 of 2 remaining: %+v", r)
	}
	if r := allow(t, l, "b", 10); !r.Allowed {
		t.Errorf("another client: %+v", r)
	}
}

func TestImpossibleRequests(t *testing.T) {
	t.Parallel()
	l := limiterFor(t, Options{Limit: 10})
	for _, n := range []int64{-1, 0, 11, 1 << 62} {
		if r, err := l.Allow(t.Context(), "a", n); !errors.Is(err, ErrCost) || r.Allowed {
			t.Errorf("a cost of %d: %+v, %v", n, r, err)
		}
	}
	if r, err := l.Allow(t.Context(), "", 1); !errors.Is(err, ErrIdentifier) || r.Allowed {
		t.Errorf("no identifier: %+v, %v", r, err)
	}
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if r, err := l.Allow(ctx, "a", 1); !errors.Is(err, gone) || r.Allowed {
		t.Errorf("an ended context: %+v, %v", r, err)
	}
	if r := allow(t, l, "a", 1); r.Remaining != 9 {
		t.Errorf("the impossible was counted: %+v", r)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"no limit":        {},
		"negative limit":  {Limit: -1},
		"huge limit":      {Limit: 1 << 60},
		"negative window": {Limit: 1, Window: -time.Second},
		"tiny window":     {Limit: 1, Window: time.Microsecond},
		"odd window":      {Limit: 1, Window: time.Second + time.Microsecond},
		"long window":     {Limit: 1, Window: 1000 * time.Hour},
		"timeout":         {Limit: 1, Timeout: -1},
		"clients":         {Limit: 1, LocalClients: -1},
		"braces":          {Limit: 1, Prefix: "{a}"},
		"space":           {Limit: 1, Prefix: "a b"},
		"redis":           {Limit: 1, Redis: &RedisOptions{URL: "http://secret@host"}},
	} {
		l, err := New(o)
		if !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v, %v", name, l, err)
		}
	}
}

func TestLocalCountIsExactUnderConcurrency(t *testing.T) {
	t.Parallel()
	l := limiterFor(t, Options{Limit: 500})
	var allowed atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				if r, err := l.Allow(t.Context(), "a", 1); err == nil && r.Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := allowed.Load(); n != 500 {
		t.Errorf("%d requests were allowed, want 500", n)
	}
}

func TestAFloodOfClientsStaysInBoundsAndForgetsNobodyAtTheLimit(t *testing.T) {
	t.Parallel()
	const room = 64 * shardCount
	l := limiterFor(t, Options{Limit: 5, LocalClients: room})
	allow(t, l, "busy", 5)
	for i := range 20 * room {
		allow(t, l, "flood-"+strconv.Itoa(i), 1)
	}
	if n := l.local.size(); n > room {
		t.Errorf("%d clients are remembered, want at most %d", n, room)
	}
	if r := allow(t, l, "busy", 1); r.Allowed {
		t.Error("a client at its limit was forgotten")
	}
}

func TestEndedWindowsMakeRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiterFor(t, Options{Limit: 5, Window: time.Second, LocalClients: 1 << 20})
		for round := range 40 {
			for i := range 1000 {
				allow(t, l, strconv.Itoa(round)+"-"+strconv.Itoa(i), 1)
			}
			time.Sleep(time.Second)
		}
		if n := l.local.size(); n > 4000 {
			t.Errorf("%d clients are remembered, of whom 1000 have a window", n)
		}
	})
}

// TestLocalMatchesItsDefinition holds the counter against the plainest
// description of a fixed window.
func TestLocalMatchesItsDefinition(t *testing.T) {
	t.Parallel()
	type request struct {
		Wait time.Duration
		Cost int64
	}
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.Int64Range(1, 20).Draw(rt, "limit")
		window := time.Duration(rapid.IntRange(1, 50).Draw(rt, "window")) * time.Millisecond
		requests := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) request {
			return request{
				Wait: time.Duration(rapid.IntRange(0, 20).Draw(rt, "wait")) * time.Millisecond,
				Cost: rapid.Int64Range(1, limit).Draw(rt, "cost"),
			}
		}), 1, 50).Draw(rt, "requests")

		fault := ""
		synctest.Test(t, func(*testing.T) {
			c := newCounters(limit, window, 1024)
			var opened time.Time
			var used int64
			for i, r := range requests {
				time.Sleep(r.Wait)
				if used == 0 || time.Since(opened) >= window {
					opened, used = time.Now(), 0
				}
				want := used+r.Cost <= limit
				if want {
					used += r.Cost
				}
				got, ok := c.spend("a", r.Cost)
				if ok != want || got.used != used || !got.ends.Equal(opened.Add(window)) {
					fault = fmt.Sprintf("request %d: %v %+v, want %v and %d used", i, ok, got, want, used)
					return
				}
			}
		})
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}

func TestLearnedCountsOnlyGrowWithinAWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCounters(10, time.Minute, 1024)
		ends := time.Now().Add(time.Minute)
		c.learn("a", count{7, ends})
		c.learn("a", count{6, ends.Add(time.Millisecond)}) // overtaken on its way
		if got, ok := c.spend("a", 1); !ok || got.used != 8 {
			t.Errorf("after 7 and a late 6: %v, %+v", ok, got)
		}
		time.Sleep(30 * time.Second)
		c.learn("a", count{1, time.Now().Add(time.Minute)}) // someone deleted the key
		if got, ok := c.spend("a", 1); !ok || got.used != 2 {
			t.Errorf("in a new window after 1: %v, %+v", ok, got)
		}
	})
}
