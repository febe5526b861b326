package answer

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/layers"
)

// What travels from the node that makes an answer to those that follow it, as
// JSON. Events come in batches; the last piece has the whole answer, or why
// there is none.
type (
	wireBatch struct {
		From   int          `json:"from,omitempty"` // the number of the first event; a batch may come twice
		Events []wireEvent  `json:"events,omitempty"`
		Answer *deja.Answer `json:"answer,omitempty"`
		Error  *wireError   `json:"error,omitempty"`
	}
	wireEvent struct {
		Delta *deja.Delta     `json:"delta,omitempty"`
		Calls []deja.ToolCall `json:"calls,omitempty"`
	}
	wireError struct {
		Code    deja.Code `json:"code"`
		Message string    `json:"message"`

		RetryAfter time.Duration `json:"retry_after,omitempty"`
	}
)

// errGarbled is a piece that this version cannot read.
var errGarbled = deja.Errorf(deja.CodeUpstream, "The answer came from a node of another version and cannot be read.")

// publisher lets other nodes follow what this one makes. A slow Redis holds up
// nobody here: events wait in a feed of their own, and go in batches.
type publisher struct {
	lease *layers.AnswerLease
	feed  feed[event]
	over  chan struct{} // closed when the answer is made, or given up
	stops sync.Once
	done  chan struct{} // closed when nothing more is published
}

// publish begins; without a lease there is nobody to publish to, and nil.
func publish(ctx context.Context, lease *layers.AnswerLease) *publisher {
	if !lease.Held() {
		return nil
	}
	p := &publisher{lease: lease, over: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		sent := 0
		for events, err := range p.feed.batches(context.WithoutCancel(ctx), nil) {
			if err != nil || !p.deliver(ctx, sent, events) {
				return
			}
			sent += len(events)
		}
	}()
	return p
}

// publishPause is how long a publisher waits after an error.
const publishPause = 50 * time.Millisecond

// deliver publishes events, again and again while Redis is away and the answer
// is not finished. It is false when nobody can follow any more.
func (p *publisher) deliver(ctx context.Context, from int, events []event) bool {
	b := wireEvents(events)
	b.From = from
	for {
		stands, err := p.send(ctx, b, false)
		if err == nil {
			return stands
		}
		again := time.NewTimer(publishPause)
		select {
		case <-again.C:
		case <-p.over:
			again.Stop()
			return false
		}
	}
}

func (p *publisher) add(e event) {
	if p != nil {
		p.feed.add(e)
	}
}

// stop lets nothing more be added. Pieces that are not out yet may still go,
// once. It may be called twice, and on nil.
func (p *publisher) stop() {
	if p != nil {
		p.feed.end(nil)
		p.stops.Do(func() { close(p.over) })
	}
}

// end publishes the end: the answer, or an error that others shall share. An
// error that is this node's own affair (nobody reads here any more, it shuts
// down) is not published: the others take over when the lease ends.
func (p *publisher) end(ctx context.Context, answer *deja.Answer, err error) {
	if p == nil {
		return
	}
	p.stop()
	<-p.done
	b := wireBatch{Answer: answer}
	switch code := deja.ErrorCode(err); {
	case err == nil:
	case code == deja.CodeCancelled, code == deja.CodeUnavailable, errors.Is(err, context.Canceled):
		return
	default:
		b = wireBatch{Error: &wireError{Code: code, Message: deja.ErrorMessage(err)}}
		if e, ok := errors.AsType[*deja.Error](err); ok {
			b.Error.RetryAfter = e.RetryAfter
		}
	}
	_, _ = p.send(context.WithoutCancel(ctx), b, true) // who misses it finds the answer in the cache, or asks anew
}

func (p *publisher) send(ctx context.Context, b wireBatch, last bool) (stands bool, err error) {
	piece, err := json.Marshal(b)
	if err != nil {
		return false, nil // as JSON it can't be followed
	}
	return p.lease.Publish(ctx, piece, last)
}

func wireEvents(events []event) wireBatch {
	var b wireBatch
	for _, e := range events {
		b.Events = append(b.Events, wireEvent{Delta: e.delta, Calls: e.calls})
	}
	return b
}

// follow reads an answer that another node makes, and calls found when there
// is one. cache.ErrNoHolder when that node is no more, or there never was one.
//
// Batches that come twice are dropped, by their numbers. Where one is missing
// (the stream of a very long answer no longer has its beginning, or Redis lost
// it) nothing more is emitted: the answer at the end has everything.
func (a *Answerer) follow(ctx context.Context, p *prepared, found func(), emit func(event)) (*deja.Answer, error) {
	next := 0
	for live, err := range a.layers.FollowAnswer(ctx, p.key) {
		if err != nil {
			return nil, err
		}
		if live.Piece == nil {
			found()
			continue
		}
		b, err := readBatch(live.Piece)
		if err != nil {
			return nil, err
		}
		if b.From <= next {
			for _, e := range b.Events[min(next-b.From, len(b.Events)):] {
				emit(event{delta: e.Delta, calls: e.Calls})
				next++
			}
		}
		switch {
		case b.Error != nil:
			return nil, &deja.Error{Code: b.Error.Code, Message: b.Error.Message, RetryAfter: b.Error.RetryAfter}
		case b.Answer != nil:
			return b.Answer, nil
		case live.Last:
			return nil, errGarbled
		}
	}
	return nil, cache.ErrNoHolder
}

func readBatch(piece []byte) (*wireBatch, error) {
	var b wireBatch
	if err := json.Unmarshal(piece, &b); err != nil {
		return nil, errGarbled
	}
	return &b, nil
}
