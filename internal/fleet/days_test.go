package fleet_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/fleet"
	"github.com/dejahq/deja/internal/redistest"
)

// clock is a time that tests set.
type clock struct{ at atomic.Int64 }

func clockAt(t testing.TB, at string) *clock {
	c := new(clock)
	c.set(t, at)
	return c
}

func (c *clock) set(t testing.TB, at string) {
	t.Helper()
	when, err := time.Parse(time.DateTime, at)
	if err != nil {
		t.Fatal(err)
	}
	c.at.Store(when.UnixNano())
}

func (c *clock) option(o *fleet.Options) {
	o.Now = func() time.Time { return time.Unix(0, c.at.Load()) }
}

func (n *node) wantDays(t testing.TB, want ...deja.DayTotals) {
	t.Helper()
	days, err := n.Days(context.Background(), len(want))
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if days[i] != want[i] {
			t.Errorf("day %d is %+v, want %+v", i, days[i], want[i])
		}
	}
}

func hitsOf(day string, n int64) deja.DayTotals {
	return deja.DayTotals{Day: day, Requests: n, Hits: n}
}

func TestDays(t *testing.T) {
	t.Parallel()
	s, now := store(t), clockAt(t, "2026-11-22 23:59:00")
	n := start(t, s, "", "a", now.option)
	n.hit(3)
	n.wantDays(t, deja.DayTotals{Day: "2026-11-21"}, hitsOf("2026-11-22", 3))
	n.counts.Reset() // the counters that are shown; days go on
	n.hit(2)
	n.wantDays(t, hitsOf("2026-11-22", 5))
	now.set(t, "2026-11-23 00:00:01")
	n.wantDays(t, hitsOf("2026-11-22", 5), hitsOf("2026-11-23", 0))
	n.hit(4)
	if err := n.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Another start on the same day, and another node.
	n = start(t, s, "", "a", now.option)
	n.hit(10)
	b := start(t, s, "", "b", now.option)
	b.hit(100)
	if err := b.SaveDays(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.wantDays(t, hitsOf("2026-11-22", 5), hitsOf("2026-11-23", 114))
	for _, wrong := range []int{0, -1, 401} {
		if _, err := n.Days(t.Context(), wrong); deja.ErrorCode(err) != deja.CodeInvalid {
			t.Errorf("%d days: %v", wrong, err)
		}
	}
}

// stubborn is a store that is away when it is told to be.
type stubborn struct {
	deja.Store
	away atomic.Bool
}

func (s *stubborn) SaveDay(ctx context.Context, d deja.DayShare) error {
	if s.away.Load() {
		return errors.New("away")
	}
	return s.Store.SaveDay(ctx, d)
}

// A day that ended while the store was away is saved when it is back.
func TestDaysWaitForTheStore(t *testing.T) {
	t.Parallel()
	s, now := &stubborn{Store: store(t)}, clockAt(t, "2026-11-22 12:00:00")
	n := start(t, s, "", "a", now.option)
	s.away.Store(true)
	n.hit(3)
	if err := n.SaveDays(t.Context()); err == nil {
		t.Fatal("saved into a store that is away")
	}
	now.set(t, "2026-11-23 12:00:00")
	if _, err := n.Days(t.Context(), 2); err == nil {
		t.Fatal("days of a store that is away")
	}
	s.away.Store(false)
	n.hit(1)
	n.wantDays(t, hitsOf("2026-11-22", 3), hitsOf("2026-11-23", 1))
	n.wantDays(t, hitsOf("2026-11-22", 3), hitsOf("2026-11-23", 1))
}

// What a node that was killed had published but not saved, another one saves.
func TestAKilledNodesDayIsSaved(t *testing.T) {
	t.Parallel()
	redis, s := redistest.Start(t), store(t)
	a, b := start(t, s, redis.URL(), "a"), start(t, s, redis.URL(), "b")
	b.hit(7)
	b.publish(t)
	b.Kill()
	today := deja.DayOf(time.Now())
	a.LostAfter(time.Millisecond)
	eventually(t, "the day has the lost node's hits", func() bool {
		if err := a.Retire(t.Context()); err != nil {
			t.Fatal(err)
		}
		days, err := a.Days(t.Context(), 1)
		return err == nil && (days[0].Hits == 7 || days[0].Day != today) // it is midnight
	})
}
