package ratelimit

import (
	"context"
	"fmt"
	"time"
)

// Limiter limits clients. It is safe for concurrent use.
type Limiter struct {
	opts   Options
	window string // as keys name it
	local  *counters
	remote *remote // nil: this process limits by itself
}

// New checks the options and gives a limiter. It doesn't wait for Redis: until
// there has been contact, see [Limiter.Wait], this node limits by itself.
func New(o Options) (*Limiter, error) {
	o, err := o.resolve()
	if err != nil {
		return nil, err
	}
	l := &Limiter{
		opts:   o,
		window: windowName(o.Window),
		local:  newCounters(o.Limit, o.Window, o.LocalClients),
	}
	if o.Redis != nil {
		if l.remote, err = openRemote(o); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Wait waits for the first contact with Redis, or until ctx ends. Without
// Redis it returns at once.
func (l *Limiter) Wait(ctx context.Context) error {
	if l.remote == nil {
		return nil
	}
	return l.remote.conn.Wait(ctx)
}

// Allow decides whether the client id may spend n now, and counts n if so; a
// refused request costs nothing. Redis being away is no error: the Result says
// who decided. Errors are ErrCost, ErrIdentifier, and that of a ctx that ended
// meanwhile; the request is not allowed then.
func (l *Limiter) Allow(ctx context.Context, id string, n int64) (Result, error) {
	refused := Result{Limit: l.opts.Limit, Source: FromLocal}
	switch {
	case n < 1 || n > l.opts.Limit:
		return refused, fmt.Errorf("%w: %d, of a limit of %d", ErrCost, n, l.opts.Limit)
	case id == "":
		return refused, ErrIdentifier
	}
	client := segment(id)
	if l.remote != nil {
		told, allowed, err := l.remote.spend(ctx, l.key(client), n)
		if err == nil {
			l.local.learn(client, told)
			return l.result(told, allowed, FromRedis), nil
		}
	}
	if ctx.Err() != nil {
		return refused, context.Cause(ctx)
	}
	known, allowed := l.local.spend(client, n)
	return l.result(known, allowed, FromLocal), nil
}

func (l *Limiter) result(c count, allowed bool, from Source) Result {
	r := Result{
		Allowed:    allowed,
		Limit:      l.opts.Limit,
		Remaining:  max(0, l.opts.Limit-c.used),
		ResetAfter: max(time.Until(c.ends), time.Millisecond),
		Source:     from,
	}
	if !allowed {
		r.RetryAfter = r.ResetAfter
	}
	return r
}

// Close hangs up and waits until nothing runs any more. It is idempotent. A
// closed limiter decides by itself.
func (l *Limiter) Close() error {
	if l.remote == nil {
		return nil
	}
	return l.remote.close()
}
