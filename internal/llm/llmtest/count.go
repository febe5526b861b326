package llmtest

import (
	"context"
	"slices"
)

// arrived counts a request and keeps it, in one step, so that whoever sees the
// count finds the request.
func (s *Server) arrived(req *Request) {
	s.change(func() {
		s.calls++
		s.open++
		if !s.forget {
			s.requests = append(s.requests, req)
		}
	})
}

func (s *Server) ended()      { s.change(func() { s.open-- }) }
func (s *Server) clientLeft() { s.change(func() { s.left++ }) }

func (s *Server) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Calls gives the number of chat completion requests that came, those
// included that were refused.
func (s *Server) Calls() int { return s.count(&s.calls) }

// Open gives the number of answers under way.
func (s *Server) Open() int { return s.count(&s.open) }

// Left gives the number of answers that the client did not wait for.
func (s *Server) Left() int { return s.count(&s.left) }

func (s *Server) count(n *int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *n
}

// Requests gives what came, in order.
func (s *Server) Requests() []*Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// LastRequest gives what came last, nil when nothing did.
func (s *Server) LastRequest() *Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == 0 {
		return nil
	}
	return s.requests[len(s.requests)-1]
}

// Forget stops keeping requests and drops those kept, for long runs. Counting
// goes on.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget, s.requests = true, nil
}

// WaitCalls waits until at least n requests have come.
func (s *Server) WaitCalls(ctx context.Context, n int) error {
	return s.waitFor(ctx, func() bool { return s.calls >= n })
}

// WaitOpen waits until exactly n answers are under way.
func (s *Server) WaitOpen(ctx context.Context, n int) error {
	return s.waitFor(ctx, func() bool { return s.open == n })
}

// WaitLeft waits until clients have left at least n answers.
func (s *Server) WaitLeft(ctx context.Context, n int) error {
	return s.waitFor(ctx, func() bool { return s.left >= n })
}

func (s *Server) waitFor(ctx context.Context, reached func() bool) error {
	for {
		s.mu.Lock()
		if reached() {
			s.mu.Unlock()
			return nil
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
