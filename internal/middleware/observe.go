package middleware

import (
	"net/http"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/monitor"
)

const (
	outcomeHeader = "X-Deja-Cache"
	staleHeader   = "X-Deja-Stale"
)

// Observe gives each request a trace, in which the layers of the cache write
// what they did, counts store queries, and tells the monitor what came of it:
// the request's route, its time to the last byte, and whether it was a hit, a
// miss, or had nothing to do with the cache; and which keys and assistants it
// was about. Streams that last as long as their readers like are not counted.
//
// Whoever else wants to know of requests that have ended is told in its turn.
func Observe(m *monitor.Monitor, told ...func(Measured)) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x, w, r := exchangeOf(w, r)
			ctx, trace := layers.WithTrace(r.Context())
			r = r.WithContext(deja.WithQueryCount(ctx, m.Queries()))
			began := time.Now()
			defer func() {
				label, took, spans := x.label(r), time.Since(began), trace.Spans()
				for _, s := range spans {
					switch s.Layer {
					case layers.AssistantData:
						m.RecordAssistant(s.ID)
						fallthrough
					case layers.SchemaInfo, layers.ThreadContext, layers.MessageResponses:
						m.RecordKey(s.Layer, s.Key)
					}
				}
				if trace.IsEndless() {
					return
				}
				what := Measured{
					Route: label, Status: x.sent(), Cache: "none", Outcome: x.Header().Get(outcomeHeader), Took: took, TraceID: x.traceID,
				}
				given := monitor.Response{Stale: x.Header().Get(staleHeader) != "", Failed: what.Status >= http.StatusInternalServerError, Bytes: x.bytes}
				switch classify(answer.Outcome(what.Outcome), spans) {
				case served:
					what.Cache = "hit"
					given.Source = sourceOf(answer.Outcome(what.Outcome), spans)
					m.RecordHit(label, took)
				case loaded:
					what.Cache = "miss"
					m.RecordMiss(label, took)
				default:
					m.RecordUncached(label, took)
				}
				m.RecordResponse(label, given)
				for _, tell := range told {
					tell(what)
				}
			}()
			next.ServeHTTP(w, r)
		})
	}
}

// Measured is a request that has ended.
type Measured struct {
	Route   string // pattern, with the method
	Status  int
	Cache   string // hit, miss or none
	Outcome string // X-Deja-Cache of an answer, "" for other requests
	Took    time.Duration
	TraceID string // "" when it is not traced
}

// relation is a request's relation to the cache.
type relation int

const (
	none   relation = iota
	served          // from the cache
	loaded          // from a source
)

// classify goes by the answer's outcome, where there is one. Other requests
// are served from the cache when all layers that they looked into had what
// they wanted.
func classify(outcome answer.Outcome, spans []layers.Span) relation {
	switch outcome {
	case answer.Hit, answer.Coalesced, answer.Similar:
		return served
	case answer.Miss, answer.Refresh:
		return loaded
	case answer.Bypass: // it was not to be asked
		return none
	}
	found := none
	for _, s := range spans {
		switch s.Layer {
		case layers.AssistantData, layers.SchemaInfo, layers.ThreadContext, layers.MessageResponses:
			if !s.Hit {
				return loaded
			}
			found = served
		}
	}
	return found
}

// sourceOf says where a request that was served from the cache had it from:
// for an answer from wherever that was, else from the farthest that one of its
// layers had to go.
func sourceOf(outcome answer.Outcome, spans []layers.Span) monitor.Source {
	switch outcome {
	case answer.Similar:
		return monitor.Similar
	case answer.Coalesced:
		return monitor.Coalesced
	}
	source := monitor.Memory
	for _, s := range spans {
		if outcome == answer.Hit && s.Layer != layers.MessageResponses {
			continue
		}
		switch {
		case !s.Hit:
		case s.Source == string(cache.FromRedis):
			source = max(source, monitor.Redis)
		case s.Source == string(cache.FromShared):
			source = monitor.Coalesced
		}
	}
	return source
}
