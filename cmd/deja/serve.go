package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/middleware"
)

// serveCmd serves the API until ctx ends.
type serveCmd struct {
	config `embed:""`
}

// Run serves.
func (s *serveCmd) Run(ctx context.Context, t terminal) error {
	srv, err := startServer(ctx, &s.config, t.stderr)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.stdout, "deja listens on %s\nthe page: %s/\n", srv.url, srv.url)
	return srv.wait(ctx)
}

// afterDrain is how long handlers have to return once their answers were cut.
const afterDrain = 3 * time.Second

// server is a node that listens.
type server struct {
	node   *node
	http   *http.Server
	url    string
	drain  time.Duration
	failed chan error
}

// startServer opens a node and begins to serve it.
func startServer(ctx context.Context, c *config, logs io.Writer) (*server, error) {
	log := newLogger(c, logs)
	n, err := openNode(ctx, c, log)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot listen: %w", err), n.close(ctx))
	}
	s := &server{node: n, url: "http://" + l.Addr().String(), drain: time.Duration(c.Drain), failed: make(chan error, 1)}
	// Every query that a request makes, however far from it, counts here.
	base := deja.WithQueryCount(context.Background(), n.monitor.Queries())
	s.http = &http.Server{
		Handler:           n.handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	s.http.RegisterOnShutdown(n.cached.EndLive)
	go func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
	log.Info("serving", "url", s.url, "store", n.store.Name(), "model", n.models.Name(), "redis", c.redis() != nil, "version", version())
	return s, nil
}

// wait serves until ctx ends, then drains: no new requests, open streams
// finish or get a clean end within the drain time.
func (s *server) wait(ctx context.Context) error {
	var served error
	select {
	case <-ctx.Done():
		s.node.log.Info("draining", "for", s.drain)
	case served = <-s.failed:
	}
	return errors.Join(served, s.stop())
}

func (s *server) stop() error {
	shut, cancel := context.WithTimeout(context.Background(), s.drain+afterDrain)
	defer cancel()
	idle := make(chan error, 1)
	go func() { idle <- s.http.Shutdown(shut) }()

	drain, cancelDrain := context.WithTimeout(context.Background(), s.drain)
	defer cancelDrain()
	err := s.node.answerer.Close(drain) // open answers end, so handlers return
	if err != nil {
		s.node.log.Warn("open answers were cut short", "error", err)
	}
	if err := <-idle; err != nil {
		s.node.log.Warn("some connections were cut", "error", err)
		s.http.Close()
	}
	return s.node.close(drain)
}

func newLogger(c *config, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.logLevel()}
	var h slog.Handler = slog.NewTextHandler(w, o)
	if c.LogFormat == "json" {
		h = slog.NewJSONHandler(w, o)
	}
	return slog.New(middleware.LogHandler(h))
}
