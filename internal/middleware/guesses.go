package middleware

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/dejahq/deja/ratelimit"
)

// Guesses limits how often an address may be wrong about the API key: once it
// has been as often as the limit says, none of its keys is looked at until
// the window ends, right ones neither, for else each guess would still be
// answered. Programs on this machine (Client.Loopback) may be wrong as often
// as they like unless loopback is set: behind a proxy that is not trusted
// everybody would be one of them. Each node counts by itself. A nil Guesses
// limits nothing. It is safe for concurrent use.
type Guesses struct {
	limiter  *ratelimit.Limiter
	loopback bool

	mu    sync.Mutex
	until map[string]time.Time // by address: when its keys are looked at again
}

// maxBarred bounds the addresses that are barred at the same time; it is also
// the limiter's own bound.
const maxBarred = 1 << 16

// NewGuesses allows limit wrong keys in each window.
func NewGuesses(limit int64, window time.Duration, loopback bool) (*Guesses, error) {
	if limit < 1 {
		return nil, errors.New("middleware: the limit of wrong keys must be positive")
	}
	limiter, err := ratelimit.New(ratelimit.Options{Limit: limit, Window: window, LocalClients: maxBarred})
	if err != nil {
		return nil, err
	}
	return &Guesses{limiter: limiter, loopback: loopback, until: make(map[string]time.Time)}, nil
}

// barred gives how long a client's keys are not looked at; 0: they are.
func (g *Guesses) barred(c Client) time.Duration {
	if g == nil || c.Loopback && !g.loopback {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	until, found := g.until[c.ID]
	if !found {
		return 0
	}
	left := time.Until(until)
	if left <= 0 {
		delete(g.until, c.ID)
	}
	return max(left, 0)
}

// wrong counts a wrong key.
func (g *Guesses) wrong(ctx context.Context, c Client) {
	if g == nil || c.Loopback && !g.loopback {
		return
	}
	result, err := g.limiter.Allow(context.WithoutCancel(ctx), c.ID, 1)
	if err != nil || result.Allowed && result.Remaining > 0 {
		return
	}
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.until) >= maxBarred {
		for id, until := range g.until {
			if !until.After(now) {
				delete(g.until, id)
			}
		}
	}
	if len(g.until) < maxBarred {
		g.until[c.ID] = now.Add(result.ResetAfter)
	}
}
