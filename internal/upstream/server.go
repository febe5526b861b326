package upstream

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/dejahq/deja"
)

// server is one model server with its breaker.
type server struct {
	name    string
	model   Model
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	until   atomic.Int64 // when the breaker will let a call through, Unix ns
}

// The window in which failures are counted, in steps. A call that took longer
// than the window would not count: servers that hang are slow to fail.
const (
	window     = 10 * time.Minute
	windowStep = time.Minute
)

// errNoVerdict ends a call that says nothing about its server: its caller left.
var errNoVerdict = errors.New("upstream: the caller left")

func newServer(s Server, o Options) *server {
	sv := &server{name: s.Name, model: s.Model}
	failures := uint32(o.Failures)
	sv.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name: s.Name, MaxRequests: 1, Interval: window, BucketPeriod: windowStep, Timeout: o.OpenFor,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return c.ConsecutiveFailures >= failures || c.TotalFailures >= 2*failures && c.TotalFailures >= c.TotalSuccesses
		},
		IsExcluded: func(err error) bool { return errors.Is(err, errNoVerdict) },
		OnStateChange: func(name string, from, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				sv.until.Store(time.Now().Add(o.OpenFor).UnixNano())
			}
			o.Logger.Warn("a model server's breaker changed", "upstream", name, "from", from.String(), "to", to.String())
			if o.OnChange != nil {
				o.OnChange(name, from.String(), to.String())
			}
		},
	})
	return sv
}

// ask asks this server, as the fallback of the given name, if it has one. It
// reports whether something of the answer was passed on; if not, it gives the
// error, or nil when the reader has left.
func (sv *server) ask(ctx context.Context, req *deja.ModelRequest, fallback string, yield func(deja.Delta, error) bool) (began bool, _ error) {
	done, err := sv.breaker.Allow()
	if err != nil {
		return false, sv.open(err)
	}
	// The first token of a probe is enough to trust the server again; of other
	// calls the end counts.
	probe := sv.breaker.State() == gobreaker.StateHalfOpen
	verdict, told := errNoVerdict, false
	tell := func() {
		if !told {
			told = true
			done(verdict)
		}
	}
	defer tell() // after a panic too: a probe without a verdict would be the last
	for d, err := range sv.model.Stream(ctx, req) {
		if err != nil {
			verdict = judge(ctx, err)
			if began {
				yield(deja.Delta{}, err)
			}
			return began, err
		}
		ends := d.FinishReason != ""
		if !began || ends {
			d.Fallback = fallback
		}
		if began = true; ends || probe {
			verdict = nil
			tell()
		}
		if !yield(d, nil) {
			return true, nil
		}
	}
	return began, nil
}

// judge says what a failed call tells of its server: nothing when the caller
// left, and that it works when it was the request that was wrong.
func judge(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil, deja.ErrorCode(err) == deja.CodeCancelled:
		return errNoVerdict
	case Failed(err):
		return err
	}
	return nil
}

// open is the error of a server that is left alone at the moment.
func (sv *server) open(cause error) *deja.Error {
	e := deja.Wrap(deja.CodeUnavailable, cause, "The model's server has failed repeatedly and is given a pause.")
	e.RetryAfter = max(time.Until(time.Unix(0, sv.until.Load())), time.Second)
	return e
}
