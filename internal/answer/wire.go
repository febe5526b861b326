package answer

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/layers"
)

// What travels from the node that makes an answer to those that follow it, as
// JSON. Events come in batches; the last piece has the whole answer, or why
// there is none.
type (
	wireBatch struct {
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
	}
)

// errGarbled is a piece that this version cannot read.
var errGarbled = deja.Errorf(deja.CodeUpstream, "The answer came from a node of another version and cannot be read.")

// publisher lets other nodes follow what this one makes. A slow Redis holds up
// nobody here: events wait in a feed of their own, and go in batches.
type publisher struct {
	lease *layers.AnswerLease
	feed  feed[event]
	done  chan struct{}
}

// publish begins; without a lease there is nobody to publish to, and nil.
func publish(ctx context.Context, lease *layers.AnswerLease) *publisher {
	if !lease.Held() {
		return nil
	}
	p := &publisher{lease: lease, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		for batch, err := range p.feed.batches(context.WithoutCancel(ctx)) {
			if err != nil || !p.send(ctx, wireEvents(batch), false) {
				return
			}
		}
	}()
	return p
}

func (p *publisher) add(e event) {
	if p != nil {
		p.feed.add(e)
	}
}

// end publishes the end: the answer, or an error that others shall share. An
// error that is this node's own affair (nobody reads here any more, it shuts
// down) is not published: the others take over when the lease ends.
func (p *publisher) end(ctx context.Context, answer *deja.Answer, err error) {
	if p == nil {
		return
	}
	p.feed.end(nil)
	<-p.done
	b := wireBatch{Answer: answer}
	switch code := deja.ErrorCode(err); {
	case err == nil:
	case code == deja.CodeCancelled, code == deja.CodeUnavailable, errors.Is(err, context.Canceled):
		return
	default:
		b = wireBatch{Error: &wireError{Code: code, Message: deja.ErrorMessage(err)}}
	}
	p.send(context.WithoutCancel(ctx), b, true)
}

func (p *publisher) send(ctx context.Context, b wireBatch, last bool) bool {
	piece, err := json.Marshal(b)
	if err != nil {
		return false
	}
	stands, err := p.lease.Publish(ctx, piece, last)
	return stands && err == nil
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
func (a *Answerer) follow(ctx context.Context, p *prepared, found func(), emit func(event)) (*deja.Answer, error) {
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
		for _, e := range b.Events {
			emit(event{delta: e.Delta, calls: e.Calls})
		}
		switch {
		case b.Error != nil:
			return nil, deja.Errorf(b.Error.Code, "%s", b.Error.Message)
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
