package cacheapi

import (
	"net/http"
	"slices"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/monitor"
	"github.com/dejahq/deja/internal/price"
)

type timelineAnswer struct {
	Status      string  `json:"status"` // "success"
	Window      string  `json:"window"`
	StepSeconds int64   `json:"stepSeconds"`
	Scope       string  `json:"scope"`
	Note        string  `json:"note,omitempty"`
	Points      []point `json:"points"` // the oldest first, the last one under way
}

type point struct {
	T                 string      `json:"t"`
	Requests          uint64      `json:"requests"`
	Hits              uint64      `json:"hits"`
	Misses            uint64      `json:"misses"`
	ModelCalls        int64       `json:"modelCalls"`
	ModelCallsAvoided int64       `json:"modelCallsAvoided"`
	QueriesAvoided    int64       `json:"queriesAvoided"`
	MoneySaved        price.Money `json:"moneySaved"`
	AvgMs             float64     `json:"avgMs"`
}

// timeline answers GET /api/cache/timeline.
func (a *API) timeline(w http.ResponseWriter, r *http.Request) error {
	scope, err := scopeOf(r)
	if err != nil {
		return err
	}
	name := r.URL.Query().Get("window")
	i := slices.IndexFunc(monitor.Windows(), func(w monitor.Window) bool { return w.Name == name })
	if i < 0 {
		return deja.Errorf(deja.CodeInvalid, "The window %.20q is not known; known are: minute, hour, day, week.", name)
	}
	window := monitor.Windows()[i]
	v := a.view(r.Context(), scope)
	t := timelineAnswer{
		Status: "success", Window: name, StepSeconds: int64(window.Step / time.Second), Scope: scope, Note: v.Note,
		Points: make([]point, 0, window.Steps),
	}
	for _, p := range window.Fill(v.Snapshot.SeriesOf(window), a.now()) {
		one := point{
			T: stamp(time.Unix(p.At, 0)), Requests: p.Requests, Hits: p.Hits, Misses: p.Misses,
			ModelCalls: p.ModelCalls, ModelCallsAvoided: p.ModelCallsAvoided, QueriesAvoided: p.QueriesAvoided,
			MoneySaved: p.MoneySaved,
		}
		if p.Requests > 0 {
			one.AvgMs = ms(p.ResponseTime / time.Duration(p.Requests))
		}
		t.Points = append(t.Points, one)
	}
	a.write(w, http.StatusOK, t)
	return nil
}
