package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/cacheapi"
	"github.com/dejahq/deja/internal/dashboard"
	"github.com/dejahq/deja/internal/eventlog"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/middleware"
	"github.com/dejahq/deja/internal/mongo"
	"github.com/dejahq/deja/internal/monitor"
	"github.com/dejahq/deja/internal/openaiapi"
	"github.com/dejahq/deja/internal/price"
	"github.com/dejahq/deja/internal/sqlite"
	"github.com/dejahq/deja/internal/upstream"
	"github.com/dejahq/deja/ratelimit"
)

// node is one deja server, put together: everything but the listener.
type node struct {
	handler  http.Handler
	store    deja.Store
	engine   *cache.Engine
	limiter  *ratelimit.Limiter // nil: no limit
	answerer *answer.Answerer
	monitor  *monitor.Monitor
	models   *upstream.Set
	cached   *cacheapi.API
	log      *slog.Logger
	observed

	unwatch  func() // ends what goes on in the background; nil before it begins
	watching sync.WaitGroup
}

// openNode opens what the configuration names. The store must be there; Redis
// may be away.
func openNode(ctx context.Context, c *config, log *slog.Logger) (_ *node, err error) {
	n := &node{log: log, observed: observed{events: eventlog.New(0)}}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close(ctx))
		}
	}()
	var watched *mongo.Store
	if n.store, watched, err = openStore(ctx, c, log); err != nil {
		if deja.ErrorCode(err) == deja.CodeInvalid {
			err = usageError{err}
		}
		return n, err
	}
	n.engine, err = cache.Open(ctx, cache.Options{
		Redis: c.redis(), Prefix: c.Prefix, MemoryBytes: int64(c.Memory), OnEvent: n.events.Engine, Logger: log,
	})
	if err != nil {
		return n, usageError{err}
	}
	prices, err := price.Open(c.Prices, log)
	if err != nil {
		return n, usageError{err}
	}
	n.monitor = monitor.New(monitor.Options{
		Prices: prices, Layers: func() []cache.LayerStats { return n.engine.Stats().Layers },
	})
	if err := n.observe(ctx, c); err != nil {
		return n, err
	}
	kinds, err := layers.New(n.engine, n.store, layers.Options{
		Off: c.Caching == "off", AssistantTTL: time.Duration(c.AssistantTTL), SchemaTTL: time.Duration(c.SchemaTTL),
		ContextTTL: time.Duration(c.ContextTTL), AnswerTTL: time.Duration(c.AnswerTTL), AnswersKept: time.Duration(c.StaleIfError), Logger: log,
	})
	if err != nil {
		return n, err
	}
	if n.models, err = n.openModels(c, log); err != nil {
		return n, usageError{err}
	}
	n.answerer, err = answer.New(answer.Options{
		Layers: kinds, Model: n.models, Monitor: n.monitor, RunTimeout: time.Duration(c.ModelTimeout),
		ReplayRate: c.ReplayRate, Logger: log,
	})
	if err != nil {
		return n, err
	}
	if c.RateLimit > 0 {
		n.limiter, err = ratelimit.New(ratelimit.Options{
			Redis: (*ratelimit.RedisOptions)(c.redis()), Prefix: c.Prefix, Limit: c.RateLimit, Window: time.Duration(c.RateWindow), Logger: log,
		})
		if err != nil {
			return n, err
		}
	}
	if n.handler, err = n.routes(c, kinds); err != nil {
		return n, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	n.unwatch = cancel
	n.watching.Go(func() { prices.Run(ctx) })
	n.watching.Go(func() { n.monitor.Run(ctx) })
	n.watching.Go(func() { n.fleet.Run(ctx) })
	n.watching.Go(func() { n.answerer.Run(ctx, watched == nil) })
	n.watching.Go(func() { kinds.Run(ctx) })
	if watched != nil {
		n.watch(ctx, watched, kinds)
	}
	return n, nil
}

// openStore opens the configured store. MongoDB is given a second time as what
// it is: it can be watched, and must be swept.
func openStore(ctx context.Context, c *config, log *slog.Logger) (deja.Store, *mongo.Store, error) {
	if !c.MongoDBURI.IsZero() {
		m, err := mongo.Open(ctx, mongo.Options{URI: c.MongoDBURI, Database: c.MongoDBName, Logger: log})
		if err != nil {
			return nil, nil, err
		}
		return m, m, nil
	}
	s, err := sqlite.Open(ctx, sqlite.Options{Dir: c.DataDir, Logger: log})
	if err != nil {
		return nil, nil, err
	}
	return s, nil, nil
}

// sweepEvery is how often a node removes what a crash left in MongoDB.
const sweepEvery = time.Hour

// watch follows what others change in MongoDB, and sweeps it, until ctx ends.
func (n *node) watch(ctx context.Context, m *mongo.Store, kinds *layers.Layers) {
	n.watching.Go(func() {
		err := m.Watch(ctx, func(c mongo.Change) { kinds.SawChange(ctx, c.AssistantID, c.Version, c.ByHand) })
		if err != nil {
			n.log.Error("changes in MongoDB are no longer followed", "error", err)
		}
	})
	n.watching.Go(func() {
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := m.Sweep(ctx); err != nil {
					n.log.Warn("MongoDB was not swept", "error", err)
				}
			}
		}
	})
}

// bodyPause is how long a client may pause while it sends a body.
const bodyPause = 30 * time.Second

// routes puts the APIs behind what every request passes.
func (n *node) routes(c *config, kinds *layers.Layers) (http.Handler, error) {
	mux := http.NewServeMux()
	v1, err := openaiapi.New(openaiapi.Options{
		Layers: kinds, Answerer: n.answerer, Upstreams: n.models.Names(), MaxUploadBytes: int64(c.MaxUpload), MaxRows: c.MaxRows, Logger: n.log,
	})
	if err != nil {
		return nil, err
	}
	v1.Routes(mux)
	n.cached, err = cacheapi.New(cacheapi.Options{
		Layers: kinds, Monitor: n.monitor, Fleet: n.fleet, Events: n.events, Breakers: n.breakers, Model: n.models.Name(), Version: version(), Logger: n.log,
	})
	if err != nil {
		return nil, err
	}
	cached := n.cached
	cached.Routes(mux)
	mux.Handle("GET /metrics", n.page)
	// Without these the mux would redirect to the subtrees, and answer the
	// rest in plain text.
	mux.HandleFunc("/api/cache", func(w http.ResponseWriter, r *http.Request) {
		cached.WriteError(w, r, deja.Errorf(deja.CodeNotFound, "There is health, metrics, timeline, days, events, live, entry and invalidate under /api/cache."))
	})
	nothing := func(w http.ResponseWriter, r *http.Request) {
		v1.WriteError(w, r, deja.Errorf(deja.CodeNotFound, "There is no %s %.200s here; the APIs are /v1 and /api/cache.", r.Method, r.URL.Path))
	}
	mux.HandleFunc("/v1", nothing)
	mux.HandleFunc("/", nothing)

	// What is refused on the way is said in the shape of the API that was asked.
	refuse := func(w http.ResponseWriter, r *http.Request, err error) {
		if strings.HasPrefix(r.URL.Path, "/api/cache/") {
			cached.WriteError(w, r, err)
			return
		}
		v1.WriteError(w, r, err)
	}
	guard, err := middleware.Guard(middleware.GuardOptions{Hosts: c.Hosts, AnyHost: len(c.APIKeys) > 0}, refuse)
	if err != nil {
		return nil, err
	}
	chain := []middleware.Middleware{
		middleware.RequestID(), middleware.AccessLog(n.log), middleware.Observe(n.monitor, n.traced), middleware.Spans(n.sent),
		middleware.Recover(n.log, refuse), middleware.SecurityHeaders(), middleware.Patience(bodyPause), guard,
	}
	guesses, err := middleware.NewGuesses(wrongKeys, time.Minute, c.RateLoopback)
	if err != nil {
		return nil, err
	}
	closed := []middleware.Middleware{middleware.Identify(c.proxies()), middleware.Authenticate(c.APIKeys, guesses, refuse)}
	if n.limiter != nil {
		closed = append(closed, middleware.RateLimit(n.limiter, c.RateLoopback, refuse))
	}
	open, err := openRoutes()
	if err != nil {
		return nil, err
	}
	cached.Probes(open)
	behind := middleware.Chain(mux, append(closed, middleware.Route())...)
	return middleware.Chain(unlessOpen(open, behind), chain...), nil
}

// wrongKeys is how many wrong API keys an address may send in a minute.
const wrongKeys = 20

// openRoutes are those that nobody needs a key for.
func openRoutes() (*http.ServeMux, error) {
	page, err := dashboard.New()
	if err != nil {
		return nil, err
	}
	open := http.NewServeMux()
	open.Handle("/{$}", page)
	open.Handle(dashboard.Assets, page)
	return open, nil
}

// unlessOpen sends the requests that open has no pattern for to behind.
func unlessOpen(open *http.ServeMux, behind http.Handler) http.Handler {
	routed := middleware.Chain(open, middleware.Route())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := open.Handler(r); pattern == "" {
			behind.ServeHTTP(w, r)
			return
		}
		routed.ServeHTTP(w, r)
	})
}

// close ends the node: open answers may finish until ctx ends.
func (n *node) close(ctx context.Context) error {
	var errs []error
	if n.answerer != nil {
		if err := n.answerer.Close(ctx); err != nil {
			n.log.Warn("open answers were cut short", "error", err)
		}
	}
	if n.unwatch != nil {
		n.unwatch()
		n.watching.Wait()
	}
	errs = append(errs, n.closeObserved(ctx))
	if n.limiter != nil {
		errs = append(errs, n.limiter.Close())
	}
	if n.engine != nil {
		errs = append(errs, n.engine.Close())
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	return errors.Join(errs...)
}
