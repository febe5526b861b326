package monitor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sums gives the requests of each window.
func sums(m *Monitor, now time.Time) map[string]uint64 {
	s := m.Snapshot()
	got := make(map[string]uint64)
	for _, w := range Windows() {
		got[w.Name] = w.Sum(s.SeriesOf(w), now).Requests
	}
	return got
}

// Each window forgets what is older than it is long, within a step.
func TestWindows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := New(Options{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go m.Run(ctx)
		m.RecordHit("a", time.Millisecond)
		m.RecordMiss("a", 3*time.Millisecond)
		m.RecordUncached("a", 0)
		for _, c := range []struct {
			wait time.Duration
			want map[string]uint64
		}{
			{2 * time.Second, map[string]uint64{"minute": 3, "hour": 3, "day": 3, "week": 3}},
			{55 * time.Second, map[string]uint64{"minute": 3, "hour": 3, "day": 3, "week": 3}},
			{5 * time.Second, map[string]uint64{"minute": 0, "hour": 3, "day": 3, "week": 3}},
			{57 * time.Minute, map[string]uint64{"minute": 0, "hour": 3, "day": 3, "week": 3}},
			{3 * time.Minute, map[string]uint64{"minute": 0, "hour": 0, "day": 3, "week": 3}},
			{22 * time.Hour, map[string]uint64{"minute": 0, "hour": 0, "day": 3, "week": 3}},
			{time.Hour, map[string]uint64{"minute": 0, "hour": 0, "day": 0, "week": 3}},
			{5 * 24 * time.Hour, map[string]uint64{"minute": 0, "hour": 0, "day": 0, "week": 3}},
			{24 * time.Hour, map[string]uint64{"minute": 0, "hour": 0, "day": 0, "week": 0}},
		} {
			time.Sleep(c.wait)
			synctest.Wait()
			if d := cmp.Diff(c.want, sums(m, time.Now())); d != "" {
				t.Errorf("%s later: %s", c.wait, d)
			}
		}
	})
}

func TestTimeline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := New(Options{Prices: priced()})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go m.Run(ctx)
		time.Sleep(500 * time.Millisecond) // between two samples
		began := time.Now().Unix()
		for range 10 {
			m.RecordHit("a", time.Millisecond)
			m.ModelCallAvoided(Avoided{Call: Call{Model: "m"}, Calls: 1, Queries: 3})
			time.Sleep(2 * time.Second)
		}
		w := Windows()[0]
		points := w.Fill(m.Snapshot().SeriesOf(w), time.Now())
		if len(points) != 60 || points[59].At != time.Now().Unix() || points[0].At != time.Now().Unix()-59 {
			t.Fatalf("%d points, from %d to %d", len(points), points[0].At, points[len(points)-1].At)
		}
		for i, p := range points {
			if i > 0 && p.At != points[i-1].At+1 {
				t.Errorf("%d comes after %d", p.At, points[i-1].At)
			}
			// What happens in a second is seen when the next begins.
			since := p.At - began
			want := Point{At: p.At}
			if since > 0 && since < 20 && since%2 == 1 {
				want = Point{At: p.At, Requests: 1, Hits: 1, ResponseTime: time.Millisecond, ModelCallsAvoided: 1, QueriesAvoided: 3}
			}
			if p != want {
				t.Errorf("after %d s: %+v, want %+v", since, p, want)
			}
		}
	})
}

// Without Run everything is counted too, at the time when somebody looks.
func TestWindowsWithoutRun(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000_000, 0)
	m := New(Options{Now: func() time.Time { return now }})
	m.RecordHit("a", time.Millisecond)
	now = now.Add(10 * time.Minute)
	if got := sums(m, now); got["minute"] != 1 || got["week"] != 1 {
		t.Error(got)
	}
	m.Reset()
	if got := sums(m, now); got["minute"] != 0 || got["week"] != 0 {
		t.Errorf("after a reset: %v", got)
	}
}

// A clock that is set back, by a little or by years, loses nothing that was
// counted and breaks nothing.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000_000, 0)
	m := New(Options{Now: func() time.Time { return now }})
	for _, step := range []time.Duration{0, -30 * time.Second, time.Second, -time.Hour, time.Hour} {
		now = now.Add(step)
		m.RecordHit("a", time.Millisecond)
		m.Snapshot()
	}
	now = time.Unix(1_000_000_000, 0)
	if got := sums(m, now); got["minute"] != 5 || got["week"] != 5 {
		t.Error(got)
	}
	now = time.Unix(-5, 0)
	m.RecordHit("a", time.Millisecond)
	sums(m, now)
}
