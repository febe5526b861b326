package llm

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/openai/openai-go/v3/option"

	"github.com/dejahq/deja"
)

// call is one Stream on its way, with all its attempts. It lives in one
// goroutine: the one that iterates.
type call struct {
	c       *Client
	req     *deja.ModelRequest
	parent  context.Context
	dialect dialect
	yield   func(deja.Delta, error) bool

	ctx     context.Context // ends with parent, the reader, or a timeout
	watch   watchdog
	sent    int // HTTP requests
	retries int // of them, repetitions
	refusal refusal
	failure error // why the last request was not taken
	spoken  bool  // a delta was yielded: no way back
}

// refusal is the last HTTP error, if the last attempt ended in one.
type refusal struct {
	status int
	body   []byte
	err    *deja.Error
}

func (k *call) run() {
	started := time.Now()
	ctx, cancel := context.WithCancelCause(k.parent)
	defer cancel(nil) // closes the connection, whatever happened
	k.ctx, k.watch = ctx, watchdog{cancel: cancel}
	defer k.watch.disarm()
	whole := watchdog{cancel: cancel}
	whole.arm(k.c.o.Timeout, errTimeout)
	defer whole.disarm()

	err := k.answer()
	k.c.o.Logger.LogAttrs(k.parent, slog.LevelDebug, "model call",
		slog.String("model", k.req.Model), slog.Int("requests", k.sent),
		slog.Duration("took", time.Since(started)), slog.Any("error", err))
	if err != nil && err != errReaderLeft {
		k.yield(deja.Delta{}, err)
	}
}

// answer makes attempts until one gives an answer or there is no sense in
// another. HTTP errors are repeated by the SDK; what goes wrong between the
// headers and the first token is repeated here, from the same budget.
func (k *call) answer() error {
	for {
		body, err := encode(k.req, k.dialect)
		if err != nil {
			return err
		}
		res, err := k.open(body)
		if err != nil {
			adapted, ok := k.dialect.adapt(k.refusal.status, k.refusal.body)
			if !ok {
				return err
			}
			k.dialect = adapted
			continue
		}
		k.c.learn(k.dialect)
		err, again := k.read(res)
		if err == nil || !again || k.spoken || !k.pause() {
			return err
		}
		k.retries++
	}
}

// open sends the request until the server takes it.
func (k *call) open(body []byte) (*http.Response, error) {
	first := true
	k.refusal = refusal{}
	observe := func(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
		if !first {
			k.retries++
			k.c.o.Logger.LogAttrs(k.ctx, slog.LevelInfo, "asking the model's server again", slog.Int("requests", k.sent), slog.Any("after", k.failure))
		}
		first = false
		return k.attempt(req, next)
	}
	var res *http.Response
	err := k.c.sdk.Execute(k.ctx, http.MethodPost, "chat/completions", body, &res,
		option.WithMaxRetries(k.c.o.MaxRetries-k.retries), option.WithMiddleware(observe))
	switch {
	case k.ctx.Err() != nil:
		if res != nil {
			_ = res.Body.Close()
		}
		return nil, k.c.ended(k.ctx)
	case k.refusal.err != nil:
		return nil, k.refusal.err
	case err != nil:
		return nil, deja.Wrap(deja.CodeUpstream, k.c.scrubbed(err), "The model's server cannot be reached.")
	}
	return res, nil
}

// attempt sends the request once. The time for the first token begins; it goes
// on when the server takes the request.
func (k *call) attempt(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	k.sent++
	k.refusal = refusal{}
	k.watch.arm(k.c.o.FirstTokenTimeout, errFirstToken)
	res, err := next(req)
	if err != nil {
		k.watch.disarm()
		k.failure = k.c.scrubbed(err)
		return nil, err
	}
	if res.StatusCode < 300 {
		return res, nil
	}
	// Read here, with a limit and a time limit; the SDK has neither.
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBody))
	_ = res.Body.Close()
	k.watch.disarm()
	k.refusal = refusal{res.StatusCode, body, k.c.statusFault(res.StatusCode, res.Header, body)}
	k.failure = k.refusal.err
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// firstBackoff doubles with each retry. It is the SDK's, for the retries that
// the SDK does not do.
const firstBackoff = 500 * time.Millisecond

// pause waits before a retry, and reports whether there is to be one.
func (k *call) pause() bool {
	if k.retries >= k.c.o.MaxRetries {
		return false
	}
	k.watch.disarm()
	d := max(min(firstBackoff<<min(k.retries, 10), k.c.o.MaxRetryDelay), 0)
	d -= rand.N(d/4 + 1)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-k.ctx.Done():
		return false
	}
}

// watchdog ends a call, for a reason, unless it is disarmed in time.
type watchdog struct {
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

// arm starts the time anew. A negative time never ends.
func (w *watchdog) arm(d time.Duration, reason error) {
	w.disarm()
	if d >= 0 {
		w.timer = time.AfterFunc(d, func() { w.cancel(reason) })
	}
}

func (w *watchdog) disarm() {
	if w.timer != nil {
		w.timer.Stop()
	}
}
