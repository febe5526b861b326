// Package scrape is what Prometheus reads at /metrics: the cache engine, the
// requests, the answers, what they cost and saved, the model's servers, the
// fleet, and the process. The same goes to OpenTelemetry collectors.
//
// All labels are bounded: routes are patterns, everything else are a handful
// of fixed words, or names out of the configuration. Counters begin with the
// process; a reset of the counters that /api/cache/metrics shows does not
// touch them.
package scrape

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/cache/cacheprom"
	"github.com/dejahq/deja/internal/fleet"
	"github.com/dejahq/deja/internal/monitor"
)

// Options configure a Page. Engine and Monitor are needed.
type Options struct {
	Engine  *cache.Engine
	Monitor *monitor.Monitor
	Fleet   *fleet.Fleet // nil: nothing is said of nodes

	// Breakers gives the states of the breakers before the model's servers.
	Breakers func() map[string]string

	Version string // of deja
}

// Page is what Prometheus reads. Safe for concurrent use.
type Page struct {
	registry *prometheus.Registry
	handler  http.Handler // one for all scrapes: it bounds those under way
	requests *prometheus.CounterVec
	times    *prometheus.HistogramVec
	answers  *prometheus.CounterVec
}

// New makes a Page.
func New(o Options) (*Page, error) {
	if o.Engine == nil || o.Monitor == nil {
		return nil, errors.New("scrape: an engine and a monitor are needed")
	}
	p := &Page{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "deja_http_requests_total", Help: "Requests, by route pattern and class of status.",
		}, []string{"route", "status"}),
		times: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "deja_http_request_duration_seconds",
			Help: "Time to the last byte of the answer, by route pattern and what the cache had to do with it: hit, miss or none.",
			// From a hit in memory to a long answer of a model.
			Buckets:                         []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 180},
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}, []string{"route", "cache"}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "deja_answers_total", Help: "Answers to questions, by where they came from (X-Deja-Cache).",
		}, []string{"outcome"}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "deja_build_info", Help: "What is running; always 1.",
	}, []string{"version", "go"})
	build.WithLabelValues(o.Version, runtime.Version()).Set(1)
	var errs []error
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build,
		cacheprom.New(o.Engine, cacheprom.Options{}), p.requests, p.times, p.answers, newSavings(o.Monitor), newStates(o),
	} {
		errs = append(errs, p.registry.Register(c))
	}
	p.handler = promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, MaxRequestsInFlight: atOnce, Timeout: 10 * time.Second,
	})
	return p, errors.Join(errs...)
}

// Gatherer gives the same to others than Prometheus.
func (p *Page) Gatherer() prometheus.Gatherer { return p.registry }

// atOnce bounds the scrapes under way, each of which asks Redis a few
// questions; further ones are refused with 503.
const atOnce = 4

// ServeHTTP answers a scrape.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

// Request is a request that has ended.
type Request struct {
	Route   string // pattern, with the method
	Status  int
	Cache   string // hit, miss or none
	Outcome string // X-Deja-Cache of an answer, "" for other requests
	Took    time.Duration
	TraceID string // "" when it is not traced
}

// Record counts a request. Its trace becomes an example of its duration.
func (p *Page) Record(r Request) {
	p.requests.WithLabelValues(r.Route, class(r.Status)).Inc()
	times := p.times.WithLabelValues(r.Route, r.Cache)
	if o, ok := times.(prometheus.ExemplarObserver); ok && r.TraceID != "" {
		o.ObserveWithExemplar(r.Took.Seconds(), prometheus.Labels{"trace_id": r.TraceID})
	} else {
		times.Observe(r.Took.Seconds())
	}
	switch r.Outcome {
	case "hit", "similar", "coalesced", "miss", "bypass", "refresh":
		p.answers.WithLabelValues(r.Outcome).Inc()
	}
}

func class(status int) string {
	switch {
	case status >= 500:
		return "5xx"
	case status >= 400:
		return "4xx"
	case status >= 300:
		return "3xx"
	}
	return "2xx"
}

// states shows what is asked for at each scrape.
type states struct {
	o       Options
	nodes   *prometheus.Desc
	breaker *prometheus.Desc
}

func newStates(o Options) *states {
	return &states{
		o: o,
		nodes: prometheus.NewDesc("deja_fleet_nodes", "Nodes that publish their counters: alive, and lost in the last ten minutes without coming back.",
			[]string{"state"}, nil),
		breaker: prometheus.NewDesc("deja_model_breaker_state", "1 for the state that the breaker before a model's server is in.",
			[]string{"server", "state"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (s *states) Describe(out chan<- *prometheus.Desc) { out <- s.nodes; out <- s.breaker }

// Collect implements prometheus.Collector.
func (s *states) Collect(out chan<- prometheus.Metric) {
	set := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	if s.o.Breakers != nil {
		for server, is := range s.o.Breakers() {
			for _, state := range []string{"closed", "half-open", "open"} {
				v := 0.0
				if is == state {
					v = 1
				}
				set(s.breaker, v, server, state)
			}
		}
	}
	if s.o.Fleet != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		var alive, lost float64
		for _, n := range s.o.Fleet.View(ctx).Nodes {
			if n.Alive {
				alive++
			} else {
				lost++
			}
		}
		set(s.nodes, alive, "alive")
		set(s.nodes, lost, "lost")
	}
}
