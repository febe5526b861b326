package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/cacheapi"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/llm"
	"github.com/dejahq/deja/internal/llm/llmtest"
	"github.com/dejahq/deja/internal/middleware"
	"github.com/dejahq/deja/internal/monitor"
	"github.com/dejahq/deja/internal/openaiapi"
	"github.com/dejahq/deja/internal/sqlite"
)

// server is deja with everything behind it: both APIs, SQLite, the cache in
// memory, and a model's server that plays scripts.
type server struct {
	url     string
	model   *llmtest.Server
	endings []func() error
}

// startServer is for tests and examples alike.
func startServer(ctx context.Context) (_ *server, err error) {
	s := &server{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	dir, err := os.MkdirTemp("", "deja-client-")
	if err != nil {
		return nil, err
	}
	s.later(func() error { return os.RemoveAll(dir) })
	store, err := sqlite.Open(ctx, sqlite.Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	s.later(store.Close)
	engine, err := cache.Open(ctx, cache.Options{})
	if err != nil {
		return nil, err
	}
	s.later(engine.Close)
	if s.model, err = llmtest.Start(); err != nil {
		return nil, err
	}
	s.later(func() error { s.model.Close(); return nil })
	handler, err := s.handler(engine, store)
	if err != nil {
		return nil, err
	}
	web := httptest.NewServer(handler)
	s.later(func() error { web.Close(); return nil })
	s.url = web.URL
	return s, nil
}

func (s *server) handler(engine *cache.Engine, store *sqlite.Store) (http.Handler, error) {
	kinds, err := layers.New(engine, store, layers.Options{})
	if err != nil {
		return nil, err
	}
	model, err := llm.New(llm.Options{BaseURL: s.model.URL, MaxRetries: -1})
	if err != nil {
		return nil, err
	}
	counts := monitor.New(monitor.Options{Layers: func() []cache.LayerStats { return engine.Stats().Layers }})
	answerer, err := answer.New(answer.Options{Layers: kinds, Model: model, Monitor: counts})
	if err != nil {
		return nil, err
	}
	s.later(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return answerer.Close(ctx)
	})
	v1, err := openaiapi.New(openaiapi.Options{Layers: kinds, Answerer: answerer})
	if err != nil {
		return nil, err
	}
	cached, err := cacheapi.New(cacheapi.Options{Layers: kinds, Monitor: counts, Model: model.Name(), Version: "test"})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	v1.Routes(mux)
	cached.Routes(mux)
	return middleware.Chain(mux, middleware.RequestID(), middleware.Observe(counts), middleware.Route()), nil
}

func (s *server) later(f func() error) { s.endings = append(s.endings, f) }

// stop ends what was started, the last first.
func (s *server) stop() error {
	var errs []error
	for i := len(s.endings) - 1; i >= 0; i-- {
		errs = append(errs, s.endings[i]())
	}
	s.endings = nil
	return errors.Join(errs...)
}

// start starts a server for a test, with a client of it.
func start(t *testing.T) (*server, *client.Client) {
	t.Helper()
	s, err := startServer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	c, err := client.New(client.Options{BaseURL: s.url})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}
