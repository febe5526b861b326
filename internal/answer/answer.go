// Package answer makes one turn of an assistant: it puts together what the
// model needs, asks the answer cache first and the model only when it must,
// lets identical questions share one call, executes query_data on the way,
// and keeps threads and runs in step.
package answer

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/monitor"
)

// Model answers requests: internal/llm, internal/localmodel, or several of them
// as one internal/upstream.
type Model interface {
	// Name says what answers, for humans.
	Name() string
	// Stream yields deltas, the last of which has a FinishReason; or an error, as
	// the last element. Ending the iteration or ctx ends the call.
	Stream(ctx context.Context, req *deja.ModelRequest) iter.Seq2[deja.Delta, error]
}

// Options configure an Answerer. Layers and Model are needed; the rest has
// defaults.
type Options struct {
	Layers  *layers.Layers
	Model   Model
	Monitor *monitor.Monitor // counts model calls made and avoided; may be nil

	// ToolRounds is how many times a model may call query_data before it must
	// answer. Default 8.
	ToolRounds int
	// ToolTimeout bounds one query. Default 5 s.
	ToolTimeout time.Duration
	// RunTimeout bounds a whole answer, and is the expiry of runs. Default 10 min.
	RunTimeout time.Duration

	// ContextTokens is about how many tokens of instructions and conversation
	// a run shows the model when its caller does not say; the oldest messages
	// are left out. Default 100,000.
	ContextTokens int

	// ReplayRate is how many pieces a second a cached answer is streamed in,
	// where its assistant does not say. 0: all at once.
	ReplayRate float64

	// CompleteAbandoned lets a call go on, and into the cache, when its last
	// reader has left. Default: it is cancelled.
	CompleteAbandoned bool

	Logger *slog.Logger // default discards
}

// Answerer answers questions. Safe for concurrent use.
type Answerer struct {
	layers *layers.Layers
	model  Model
	count  *monitor.Monitor
	o      Options
	log    *slog.Logger

	base context.Context // ends when Close gives up waiting
	stop context.CancelCauseFunc
	work sync.WaitGroup // answers and runs under way

	mu      sync.Mutex
	closed  bool
	flights map[string]*flight // live answers by key and how they are asked for
	runs    map[string]liveRun // runs driven here, by id
}

// New makes an Answerer; it starts nothing.
func New(o Options) (*Answerer, error) {
	if o.Layers == nil || o.Model == nil {
		return nil, errors.New("answer: layers and a model are needed")
	}
	if o.ToolRounds <= 0 {
		o.ToolRounds = 8
	}
	if o.ToolTimeout <= 0 {
		o.ToolTimeout = 5 * time.Second
	}
	if o.ContextTokens <= 0 {
		o.ContextTokens = 100_000
	}
	if o.RunTimeout <= 0 {
		o.RunTimeout = 10 * time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	a := &Answerer{
		layers: o.Layers, model: o.Model, count: o.Monitor, o: o, log: o.Logger,
		flights: make(map[string]*flight), runs: make(map[string]liveRun),
	}
	a.base, a.stop = context.WithCancelCause(context.Background())
	return a, nil
}

// tooLong is the cause of the end of an answer that takes longer than it may.
func (a *Answerer) tooLong() error {
	return deja.Errorf(deja.CodeUpstream, "The answer took longer than %s.", a.o.RunTimeout)
}

// errClosing is the cause of everything that Close cuts short.
var errClosing = deja.Errorf(deja.CodeUnavailable, "The server is shutting down.")

// Close stops taking questions and waits for answers and runs under way until
// ctx ends; then it cancels them (runs end as failed, never in_progress) and
// waits for that. Idempotent.
func (a *Answerer) Close(ctx context.Context) error {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	done := make(chan struct{})
	go func() {
		a.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		a.stop(errClosing)
		return nil
	case <-ctx.Done():
		a.stop(errClosing)
		<-done
		return ctx.Err()
	}
}

// begin registers work that Close waits for, unless it is too late.
func (a *Answerer) begin() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return errClosing
	}
	a.work.Add(1)
	return nil
}

// detached gives a context with ctx's values which ends with the Answerer or,
// because of late, after a time, and not with the request that began the work.
func (a *Answerer) detached(ctx context.Context, after time.Duration, late error) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stopWatch := context.AfterFunc(a.base, func() { cancel(context.Cause(a.base)) })
	timer := time.AfterFunc(after, func() { cancel(late) })
	return ctx, func(cause error) {
		stopWatch()
		timer.Stop()
		cancel(cause)
	}
}

// Outcome says how a question was answered: the X-Deja-Cache header.
type Outcome string

// The outcomes.
const (
	Hit       Outcome = "hit"
	Similar   Outcome = "similar"
	Coalesced Outcome = "coalesced"
	Miss      Outcome = "miss"
	Bypass    Outcome = "bypass"
	Refresh   Outcome = "refresh"
)

// Control is what a caller says about caching (Cache-Control, or the "cache"
// object of a body).
type Control struct {
	NoCache      bool          // don't answer from the cache, but do refresh it
	NoStore      bool          // don't cache the answer
	OnlyIfCached bool          // CodeNotCached rather than a model call
	MaxAge       time.Duration // older answers are misses; 0: any age

	// StaleIfError is how long past its lifetime an answer may be that is given
	// because the model's server fails; nil: what the assistant's policy says.
	StaleIfError *time.Duration
}
