package cacheapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dejahq/deja/client"
)

// A timeline has every step of its window, the oldest first, and all requests.
func TestTimeline(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	id := n.assistants(t, 1)[0]
	n.read(t, id)
	n.read(t, id)
	for window, want := range map[string]struct {
		step   time.Duration
		points int
	}{"minute": {time.Second, 60}, "hour": {time.Minute, 60}, "day": {15 * time.Minute, 96}, "week": {2 * time.Hour, 84}} {
		var hits, misses uint64
		eventually(t, "the reads are in the "+window, func() bool {
			l, err := n.Timeline(t.Context(), window, client.ScopeNode)
			if err != nil {
				t.Fatal(err)
			}
			if l.Window != window || l.StepSeconds != want.step.Seconds() || len(l.Points) != want.points {
				t.Fatalf("%s: %d points of %v s", l.Window, len(l.Points), l.StepSeconds)
			}
			hits, misses = 0, 0
			for i, p := range l.Points {
				hits, misses = hits+p.Hits, misses+p.Misses
				if i > 0 && p.T.Sub(l.Points[i-1].T) != want.step {
					t.Errorf("%s comes after %s", p.T, l.Points[i-1].T)
				}
				if p.Hits > p.Requests || p.Requests > 0 && p.AvgMillis <= 0 {
					t.Errorf("%+v", p)
				}
			}
			// A minute may pass on a machine that is busy enough.
			return window == "minute" || hits == 1 && misses == 1
		})
	}
	m, err := n.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for window, w := range m.Windows {
		if window != "minute" && (w.Hits != 1 || w.Misses != 1 || w.HitRate != 50) {
			t.Errorf("the last %s: %+v", window, w)
		}
	}
	if len(m.Windows) != 4 || len(m.Hot.Keys) != 1 || m.Hot.Keys[0].Count != 2 || m.Hot.Keys[0].Layer != "assistant_data" ||
		!strings.HasSuffix(m.Hot.Keys[0].Key, id) || len(m.Hot.Assistants) != 1 || m.Hot.Assistants[0].AssistantID != id {
		t.Errorf("%+v, %+v", m.Windows, m.Hot)
	}
}

func TestTimelineRefusals(t *testing.T) {
	t.Parallel()
	n := start(t, "")
	for _, query := range []string{"", "?window=year", "?window=minute&scope=world"} {
		if status, body, _ := n.do(t, http.MethodGet, "/api/cache/timeline"+query, "", ""); status != http.StatusBadRequest || !strings.Contains(body, "known are") {
			t.Errorf("%q: %d %s", query, status, body)
		}
	}
}
