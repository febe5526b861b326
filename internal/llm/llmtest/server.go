package llmtest

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Server is a scripted chat completions server. It is safe for concurrent
// use; scripts may be added while it answers.
type Server struct {
	// URL is the base URL to configure, ending in /v1.
	URL string

	http    *http.Server
	client  *http.Client
	closing chan struct{}
	closed  sync.Once
	serving sync.WaitGroup

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced whenever a counter changes
	rules    []rule
	key      string
	models   []string
	unknown  []string
	calls    int
	open     int
	left     int
	forget   bool
	requests []*Request
}

type rule struct {
	match  Match
	script func(*Request) []Step
	once   bool
}

// Start starts a server on a free port of the loopback interface.
func Start() (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return serve(l, "http://"+l.Addr().String()+"/v1", &http.Transport{MaxIdleConnsPerHost: 1024}), nil
}

// NewServer starts a server and closes it at the end of the test.
func NewServer(tb testing.TB) *Server {
	tb.Helper()
	s, err := Start()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// NewPipeServer is like NewServer, but its connections are in memory: only
// HTTPClient reaches it. Its waiting is visible to testing/synctest, so that
// in a bubble time passes by itself.
func NewPipeServer(tb testing.TB) *Server {
	l := newPipeListener()
	s := serve(l, "http://llmtest.invalid/v1", &http.Transport{DialContext: l.dial})
	tb.Cleanup(s.Close)
	return s
}

func serve(l net.Listener, url string, transport *http.Transport) *Server {
	s := &Server{
		URL:     url,
		client:  &http.Client{Transport: transport},
		closing: make(chan struct{}),
		changed: make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", s.complete)
	mux.HandleFunc("GET /v1/models", s.listModels)
	// Scripts that cut connections are no news; http.Server would log them.
	s.http = &http.Server{Handler: mux, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	s.serving.Go(func() { _ = s.http.Serve(l) })
	return s
}

// HTTPClient gives a client that reaches the server.
func (s *Server) HTTPClient() *http.Client { return s.client }

// Close breaks off what is open and waits for it. It is idempotent.
func (s *Server) Close() {
	s.closed.Do(func() {
		close(s.closing)
		_ = s.http.Close()
		s.client.CloseIdleConnections()
		s.serving.Wait()
		_ = s.WaitOpen(context.Background(), 0)
	})
}

// On plays the steps for every request that matches. Of several scripts that
// match, the last added one counts.
func (s *Server) On(match Match, steps ...Step) {
	s.OnFunc(match, func(*Request) []Step { return steps })
}

// OnFunc plays the steps that the function gives for a matching request.
func (s *Server) OnFunc(match Match, script func(*Request) []Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = append(s.rules, rule{match, script, false})
}

// Next plays the steps for one matching request, before all scripts of On.
// Several are used up in the order in which they were added.
func (s *Server) Next(match Match, steps ...Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = append(s.rules, rule{match, func(*Request) []Step { return steps }, true})
}

// RequireKey refuses requests without this bearer token.
func (s *Server) RequireKey(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = key
}

// SetModels names the models that exist. With none, any name does.
func (s *Server) SetModels(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.models = names
}

// RejectFields refuses requests with any of these top-level fields, as servers
// do that know less of the API.
func (s *Server) RejectFields(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unknown = names
}

// script finds what to play for a request, and uses it up if it was for once.
func (s *Server) script(req *Request) []Step {
	s.mu.Lock()
	found := -1
	for i, r := range s.rules {
		if !r.match(req) {
			continue
		}
		found = i
		if r.once {
			break
		}
	}
	if found < 0 {
		s.mu.Unlock()
		return Echo(req)
	}
	r := s.rules[found]
	if r.once {
		s.rules = append(s.rules[:found:found], s.rules[found+1:]...)
	}
	s.mu.Unlock()
	return r.script(req)
}
