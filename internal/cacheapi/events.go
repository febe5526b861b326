package cacheapi

import (
	"net/http"
	"strconv"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/eventlog"
)

type eventsAnswer struct {
	Status string  `json:"status"` // "success"
	Events []event `json:"events"` // the oldest first
}

type event struct {
	Seq     uint64   `json:"seq"`
	Time    string   `json:"time"`
	Kind    string   `json:"kind"`
	Node    string   `json:"node"`
	Message string   `json:"message"`
	Key     string   `json:"key"`
	Receipt *receipt `json:"receipt,omitempty"`
}

func eventOf(e eventlog.Event) event {
	shown := event{Seq: e.Seq, Time: stamp(e.Time), Kind: e.Kind, Node: e.Node, Message: e.Message, Key: e.Key}
	if e.Receipt != nil {
		r := receiptOf(*e.Receipt)
		shown.Receipt = &r
	}
	return shown
}

func receiptOf(r cache.Receipt) receipt {
	return receipt{Version: r.Version, Nodes: r.Nodes, Acknowledged: r.Acknowledged, Remote: r.Remote, ElapsedMs: ms(r.Elapsed)}
}

// events answers GET /api/cache/events.
func (a *API) events(w http.ResponseWriter, r *http.Request) error {
	var after uint64
	if text := r.URL.Query().Get("after"); text != "" {
		var err error
		if after, err = strconv.ParseUint(text, 10, 64); err != nil {
			return deja.Errorf(deja.CodeInvalid, "after has to be the number of an event.").WithParam("after")
		}
	}
	kept, _ := a.o.Events.After(after)
	answer := eventsAnswer{Status: "success", Events: make([]event, len(kept))}
	for i, e := range kept {
		answer.Events[i] = eventOf(e)
	}
	a.write(w, http.StatusOK, answer)
	return nil
}

// happened keeps an event of this API's own.
func (a *API) happened(kind, message string) {
	a.o.Events.Add(eventlog.Event{Kind: kind, Node: a.layers.Engine().Stats().Node, Message: message, Time: a.now()})
}
