package cacheapi

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/layers"
)

const (
	// liveEvery is how often metrics are sent.
	liveEvery = time.Second

	// livePatience is how long a reader may take to take what is sent. One that
	// has stopped reading must not hold its stream for ever, nor a server that
	// ends.
	livePatience = 30 * time.Second
)

// live is what all live streams share: the metrics are added up once a second
// and scope, however many look at them.
type live struct {
	patience time.Duration

	mu    sync.Mutex
	at    map[string]time.Time
	bytes map[string][]byte

	once  sync.Once
	ended chan struct{} // closed when streams are to end
}

// EndLive ends all live streams, and those that begin later at once: a server
// that drains would else wait for their readers. It is idempotent.
func (a *API) EndLive() { a.live.once.Do(func() { close(a.live.ended) }) }

// stream answers GET /api/cache/live: metrics every second, events as they
// happen, until the reader leaves.
func (a *API) stream(w http.ResponseWriter, r *http.Request) error {
	scope, err := scopeOf(r)
	if err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		return deja.Errorf(deja.CodeInvalid, "A stream without a body is nothing; GET it.")
	}
	layers.TraceFrom(r.Context()).Endless()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	out := liveWriter{w: w, ctl: http.NewResponseController(w), patience: a.live.patience}
	defer out.close()

	// Only what happens from now on: what was before, GET events tells.
	kept, more := a.o.Events.After(0)
	var seen uint64
	if len(kept) > 0 {
		seen = kept[len(kept)-1].Seq
	}
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	err = a.sendMetrics(r.Context(), out, scope)
	for err == nil {
		select {
		case <-r.Context().Done():
			return nil
		case <-a.live.ended:
			return nil
		case <-tick.C:
			err = a.sendMetrics(r.Context(), out, scope)
		case <-more:
			kept, more = a.o.Events.After(seen)
			for _, e := range kept {
				seen = e.Seq
				b, fault := json.Marshal(eventOf(e))
				if fault != nil {
					continue
				}
				if err = out.event("event", b); err != nil {
					break
				}
			}
		}
	}
	return nil // the reader has left: there is nobody to tell
}

// sendMetrics sends the metrics of a scope, or, when they cannot be had, a
// comment, which keeps proxies from taking the stream for dead.
func (a *API) sendMetrics(ctx context.Context, out liveWriter, scope string) error {
	b, err := a.liveMetrics(ctx, scope)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		return out.send([]byte(": keep-alive\n\n"))
	}
	return out.event("metrics", b)
}

// liveMetrics gives metrics that are not older than a tick.
func (a *API) liveMetrics(ctx context.Context, scope string) ([]byte, error) {
	a.live.mu.Lock()
	defer a.live.mu.Unlock()
	if b := a.live.bytes[scope]; b != nil && time.Since(a.live.at[scope]) < liveEvery*9/10 {
		return b, nil
	}
	m, err := a.metricsNow(ctx, scope)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	if a.live.bytes == nil {
		a.live.at, a.live.bytes = make(map[string]time.Time), make(map[string][]byte)
	}
	a.live.at[scope], a.live.bytes[scope] = time.Now(), b
	return b, nil
}

// liveWriter writes one live stream.
type liveWriter struct {
	w        http.ResponseWriter
	ctl      *http.ResponseController
	patience time.Duration
}

// event writes one event; data is JSON, and so one line.
func (l liveWriter) event(name string, data []byte) error {
	b := make([]byte, 0, len(name)+len(data)+16)
	b = append(b, "event: "...)
	b = append(b, name...)
	b = append(b, "\ndata: "...)
	b = append(b, data...)
	return l.send(append(b, "\n\n"...))
}

func (l liveWriter) send(b []byte) error {
	// Not every ResponseWriter has deadlines; those of real servers do.
	_ = l.ctl.SetWriteDeadline(time.Now().Add(l.patience))
	if _, err := l.w.Write(b); err != nil {
		return err
	}
	return l.ctl.Flush()
}

// close takes the deadline off: the connection may serve another request.
func (l liveWriter) close() { _ = l.ctl.SetWriteDeadline(time.Time{}) }
