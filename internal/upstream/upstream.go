// Package upstream asks one of several model servers: the one that was meant,
// and, while that one fails, those that stand in for it. Each has a breaker, so
// that one that fails is left alone for a while.
package upstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"regexp"
	"slices"
	"time"

	"github.com/dejahq/deja"
)

// Default names the server that is asked when nobody says which.
const Default = "default"

// Model is one server, or what stands for one: internal/llm or
// internal/localmodel.
type Model interface {
	// Name says what answers, for humans.
	Name() string
	// Stream yields deltas, the last of which has a FinishReason; or an error, as
	// the last element. Ending the iteration or ctx ends the call.
	Stream(ctx context.Context, req *deja.ModelRequest) iter.Seq2[deja.Delta, error]
}

// Server is a model server under the name by which assistants' fallbacks know it.
type Server struct {
	Name  string // lower case letters, digits and '-', at most 32; not Default
	Model Model
}

// Options configure a Set. Default is needed; the rest has defaults.
type Options struct {
	Default Model
	Others  []Server

	// Failures is how many failures in a row open a server's breaker. It also
	// opens when, within ten minutes, at least twice as many calls have failed
	// and these are half of all. Default 5.
	Failures int
	// OpenFor is how long an open breaker keeps calls away before it lets one
	// through to see. Default 10 s.
	OpenFor time.Duration

	// OnChange is told when a breaker changes its state: closed, half-open or
	// open. It must not block. nil: nobody is told.
	OnChange func(server, from, to string)

	Logger *slog.Logger // default discards
}

// Set is model servers that stand in for each other. Safe for concurrent use.
type Set struct {
	first   *server
	servers map[string]*server
	log     *slog.Logger
}

var serverName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// New makes a Set. It asks nobody.
func New(o Options) (*Set, error) {
	if o.Default == nil {
		return nil, errors.New("upstream: a default model is needed")
	}
	if o.Failures <= 0 {
		o.Failures = 5
	}
	if o.OpenFor <= 0 {
		o.OpenFor = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Set{servers: make(map[string]*server), log: o.Logger}
	for _, other := range append([]Server{{Default, o.Default}}, o.Others...) {
		switch {
		case !serverName.MatchString(other.Name):
			return nil, fmt.Errorf("upstream: %.64q is no name for a model server: use up to 32 of a-z, 0-9 and -", other.Name)
		case s.servers[other.Name] != nil:
			return nil, fmt.Errorf("upstream: there are two model servers named %q", other.Name)
		case other.Model == nil:
			return nil, fmt.Errorf("upstream: %q has no model", other.Name)
		}
		s.servers[other.Name] = newServer(other, o)
	}
	s.first = s.servers[Default]
	return s, nil
}

// Name says what answers when nothing fails.
func (s *Set) Name() string { return s.first.model.Name() }

// Names lists the servers, sorted.
func (s *Set) Names() []string {
	names := make([]string, 0, len(s.servers))
	for name := range s.servers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Breakers gives the state of each server's breaker by its name: closed,
// half-open or open.
func (s *Set) Breakers() map[string]string {
	states := make(map[string]string, len(s.servers))
	for name, sv := range s.servers {
		states[name] = sv.breaker.State().String()
	}
	return states
}

// Stream asks the default server, and when that fails before its first token,
// the request's fallbacks in their order. What comes from one of these says so
// in Delta.Fallback. After the first token there is no way back: an error then
// ends the answer.
//
// A request that the default server finds wrong is not asked elsewhere. When
// all fail, the error is that of the default server: what is wrong with a
// fallback is not the caller's to know.
func (s *Set) Stream(ctx context.Context, req *deja.ModelRequest) iter.Seq2[deja.Delta, error] {
	return func(yield func(deja.Delta, error) bool) {
		asked := *req
		asked.Fallbacks = nil
		began, err := s.first.ask(ctx, &asked, "", yield)
		if began {
			return
		}
		for _, f := range req.Fallbacks {
			if err == nil || !Failed(err) || ctx.Err() != nil {
				break
			}
			sv := s.first
			if f.Upstream != "" {
				if sv = s.servers[f.Upstream]; sv == nil {
					s.log.WarnContext(ctx, "a fallback names a model server that is not configured here", "upstream", f.Upstream)
					continue
				}
			}
			asked.Model = req.Model
			if f.Model != "" {
				asked.Model = f.Model
			}
			s.log.WarnContext(ctx, "a model server failed; asking a fallback", "fallback", f.String(), "error", err)
			began, e := sv.ask(ctx, &asked, f.String(), yield)
			if began {
				return
			}
			s.log.WarnContext(ctx, "a fallback failed", "fallback", f.String(), "error", e)
		}
		if err != nil {
			yield(deja.Delta{}, err)
		}
	}
}

// Failed reports whether an error is a model server's failure: the same request
// may be answered elsewhere, or later. It is not where the request itself is at
// fault, or its caller went away.
func Failed(err error) bool {
	switch deja.ErrorCode(err) {
	case "", deja.CodeInvalid, deja.CodeTooLarge, deja.CodeUnsupported, deja.CodeCancelled:
		return false
	}
	return true
}
