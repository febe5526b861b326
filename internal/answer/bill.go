package answer

import (
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/monitor"
	"github.com/dejahq/deja/internal/price"
)

// Bill says what an answer cost the one who asked, and what the cache saved
// them. An amount is nil when it is not known: not yet, because the answer is
// not whole, or at all, because its model has no price.
type Bill struct {
	Cost     *price.Money
	Saved    *price.Money
	Currency string
}

// Bill gives the bill as far as it is known: of a hit at once, of others when
// the last delta, or the whole answer, was read.
func (r *Reply) Bill() Bill {
	b := Bill{Currency: r.count.Currency()}
	paid := r.first && r.whole && r.flight.led
	switch {
	case paid:
		b.Saved = new(price.Money)
		if !r.flight.paid.unpriced {
			b.Cost = new(r.flight.paid.money)
		}
	case r.Outcome == Hit, r.Outcome == Similar, r.Outcome == Coalesced:
		if r.Outcome != Coalesced || r.whole || !r.first {
			b.Cost = new(price.Money) // the first may yet have to take over, and pay
		}
		if r.Outcome != Coalesced || r.whole {
			if saved, known := r.count.Price(r.call()); known {
				b.Saved = &saved
			}
		}
	}
	return b
}

// served gives what a run shall remember of an answer that is whole, together
// with what it remembers of earlier ones.
func (r *Reply) served(before *deja.Served) *deja.Served {
	b := r.Bill()
	s := &deja.Served{Cache: string(r.Outcome), Key: r.Key, Cost: (*int64)(b.Cost), Saved: (*int64)(b.Saved), Currency: b.Currency}
	s.Fallback = r.flight.answer.Fallback
	_, s.Stale = r.Stale()
	if before != nil {
		s.Cost, s.Saved = sum(s.Cost, before.Cost), sum(s.Saved, before.Saved)
	}
	return s
}

// sum is not known when a part of it is not.
func sum(a, b *int64) *int64 {
	if a == nil || b == nil {
		return nil
	}
	return (*int64)(new(price.Money(*a).Plus(price.Money(*b))))
}

// avoided counts the answer as one that took no call. Queries are those that
// the layers' own counters don't have.
func (r *Reply) avoided(queries int64) {
	answer := r.flight.answer
	got := time.Now()
	if r.Outcome == Coalesced {
		got = r.flight.made // a slow reader is not waiting for the answer
	}
	r.count.ModelCallAvoided(monitor.Avoided{
		Call: r.call(), Calls: answer.ModelCalls, Queries: queries, Took: answer.Took, Waited: got.Sub(r.began),
		Similar: r.Outcome == Similar, Coalesced: r.Outcome == Coalesced,
	})
}

func (r *Reply) call() monitor.Call {
	return callOf(r.asked.assistant.ID, r.asked.request.Model, r.flight.answer, r.flight.answer.Usage)
}

// callOf describes a call. What a fallback answered has nothing to do with the
// price of the model that was asked for.
func callOf(assistantID, model string, answer *deja.Answer, used deja.Usage) monitor.Call {
	c := monitor.Call{AssistantID: assistantID, Model: answer.Model, Asked: model, Usage: used}
	if answer.Fallback != "" {
		c.Asked = ""
	}
	return c
}

// charge is what the calls for one answer cost.
type charge struct {
	money    price.Money
	unpriced bool
}

func (c *charge) add(m price.Money, known bool) {
	c.money += m
	c.unpriced = c.unpriced || !known
}
