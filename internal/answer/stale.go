package answer

import (
	"context"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/layers"
)

// upstreamFailed reports whether an error says that no model server answers
// now, and nothing about the question.
func upstreamFailed(err error) bool {
	switch deja.ErrorCode(err) {
	case deja.CodeUpstream, deja.CodeRateLimited, deja.CodeUnavailable:
		return true
	}
	return false
}

// spare gives an answer to the very same question that has outlived its
// lifetime but that nothing has invalidated, if it may be given when the
// model's servers fail.
func (a *Answerer) spare(ctx context.Context, p *prepared) *layers.FoundAnswer {
	if !p.cached || p.control.NoCache {
		return nil
	}
	found, ok := a.layers.KeptAnswer(ctx, p.key)
	if !ok || !mayBeStale(&found, p.assistant, &p.control, a.layers.AnswersKept()) {
		return nil
	}
	return &found
}

func (a *Answerer) hasSpare(ctx context.Context, p *prepared) bool {
	return a.layers.AnswersKept() > 0 && a.spare(ctx, p) != nil
}

// kept gives a spare answer after the model's servers have failed with err
// before their first token; nil when that is not what happened.
func (a *Answerer) kept(ctx context.Context, p *prepared, err error) *layers.FoundAnswer {
	if ctx.Err() != nil || !upstreamFailed(err) {
		return nil
	}
	found := a.spare(ctx, p)
	if found != nil {
		a.log.WarnContext(ctx, "the model's servers fail; a stale answer is given", "key", a.layers.AnswerKeyName(p.key), "age", found.Age, "error", err)
	}
	return found
}

// mayBeStale says whether an answer may be given though it is past its
// lifetime: for as long as the server keeps such answers, the assistant's
// policy and the request (stale-if-error, RFC 5861 section 4) all allow. With
// max-age the lifetime is no longer than that, and without stale-if-error
// beside it no older answer will do.
func mayBeStale(found *layers.FoundAnswer, asst *deja.Assistant, c *Control, limit time.Duration) bool {
	if s := asst.Caching.StaleIfError; s != nil {
		limit = min(limit, *s)
	}
	past := found.Past
	if c.MaxAge > 0 {
		past = max(past, found.Age-c.MaxAge)
		if c.StaleIfError == nil && found.Age > c.MaxAge {
			return false
		}
	}
	if c.StaleIfError != nil {
		limit = min(limit, *c.StaleIfError)
	}
	return past <= limit
}

// settleFor is how long Settled waits at most.
const settleFor = 5 * time.Second

// Settled gives the run's outcome and age, and whether its answer is a stale
// one that is given because the model's server failed. Where that may happen,
// because there is such an answer, it waits for the first token or the failure,
// 5 s at most: so long the headers of a stream can wait.
func (s *RunStream) Settled(ctx context.Context) (o Outcome, age time.Duration, stale bool) {
	if s.flight == nil {
		return s.Outcome, s.Age, false
	}
	if s.flight.spare {
		late := time.NewTimer(settleFor)
		defer late.Stop()
		select {
		case <-s.flight.begun:
		case <-late.C:
		case <-ctx.Done():
		}
	}
	if d := s.flight.stale.Load(); d != nil {
		return Hit, *d, true
	}
	return s.Outcome, s.Age, false
}

// Fallback names who gave the answer, when it was not the model that was asked
// for. Of one that is being made it is not known before its first piece is
// there, as it is for who joins later: Run.Served has it when the run rests.
func (s *RunStream) Fallback() string {
	switch {
	case s.flight == nil:
		return ""
	case s.Outcome == Hit, s.flight.stale.Load() != nil:
		return s.flight.answer.Fallback
	}
	select {
	case <-s.flight.begun:
		return s.flight.by
	default:
		return ""
	}
}
