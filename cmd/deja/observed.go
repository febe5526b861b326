package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/eventlog"
	"github.com/dejahq/deja/internal/fleet"
	"github.com/dejahq/deja/internal/middleware"
	"github.com/dejahq/deja/internal/redisconn"
	"github.com/dejahq/deja/internal/scrape"
	"github.com/dejahq/deja/internal/telemetry"
)

// observed is what lets people and programs look into a node.
type observed struct {
	events *eventlog.Log
	fleet  *fleet.Fleet
	page   *scrape.Page
	sent   *telemetry.Telemetry // nil: no OTEL_ variable asks for it
}

// observe opens it. The engine and the monitor must be there; the model's
// servers may come later.
func (n *node) observe(ctx context.Context, c *config) error {
	name := n.engine.Stats().Node
	var err error
	n.fleet, err = fleet.New(fleet.Options{
		Node: name, Version: version(), Monitor: n.monitor, Store: n.store, Redis: (*redisconn.Options)(c.redis()), Prefix: c.Prefix,
		Gauges: n.gauges, Logger: n.log,
	})
	if err != nil {
		return err
	}
	n.page, err = scrape.New(scrape.Options{
		Engine: n.engine, Monitor: n.monitor, Fleet: n.fleet, Breakers: n.breakers, Version: version(),
	})
	if err != nil {
		return err
	}
	if c.Silent {
		return nil
	}
	n.sent, err = telemetry.Open(ctx, telemetry.Options{Version: version(), Node: name, Metrics: n.page.Gatherer(), Logger: n.log})
	if err != nil {
		return usageError{err}
	}
	return nil
}

func (n *node) gauges() fleet.Gauges {
	s := n.engine.Stats()
	return fleet.Gauges{Breaker: n.engine.Breaker(), LocalBytes: s.MemoryBytes, LocalLimit: s.MemoryLimit}
}

// breakers gives the states of those before the model's servers.
func (n *node) breakers() map[string]string {
	if n.models == nil {
		return nil
	}
	return n.models.Breakers()
}

// modelBreaker keeps the news that the breaker before a model's server has
// changed its state.
func (n *node) modelBreaker(server, from, to string) {
	n.events.Add(eventlog.Event{
		Kind: string(cache.EventBreaker), Node: n.engine.Stats().Node,
		Message: fmt.Sprintf("the breaker before the model server %s is %s; it was %s", server, to, from),
	})
}

// traced is a request that Prometheus counts.
func (n *node) traced(m middleware.Measured) {
	n.page.Record(scrape.Request{Route: m.Route, Status: m.Status, Cache: m.Cache, Outcome: m.Outcome, Took: m.Took, TraceID: m.TraceID})
}

// wrap puts traces around a transport to a model's server.
func (n *node) wrap(next http.RoundTripper) http.RoundTripper { return n.sent.Transport(next) }

// lastWords is how long a node that ends may take to tell the fleet, the store
// and the collector what it counted last.
const lastWords = 3 * time.Second

// closeObserved tells what was counted last. The drain time may be over by now.
func (n *node) closeObserved(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	var errs []error
	if n.fleet != nil {
		errs = append(errs, n.fleet.Close(ctx))
	}
	if err := n.sent.Close(ctx); err != nil {
		n.log.Warn("the last traces and metrics were not sent", "error", err)
	}
	return errors.Join(errs...)
}
