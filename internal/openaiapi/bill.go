package openaiapi

import (
	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/price"
)

// billObject is deja's own addition to chat completions, their last chunk, and
// runs: where the answer came from, what it cost, and what the cache saved.
// usage beside it counts the tokens that the answer took when it was made, so
// that of a hit, which costs nothing, is the same. An amount is null when the
// price of its model is not known.
type billObject struct {
	Cache    string       `json:"cache"`
	Cost     *price.Money `json:"cost"`
	Saved    *price.Money `json:"saved"`
	Currency string       `json:"currency"`
	Key      string       `json:"key,omitempty"`
	Fallback string       `json:"fallback,omitempty"` // who answered, when it was not the model that was asked for
	Stale    bool         `json:"stale,omitempty"`    // past its lifetime, given because no model answers
}

// showBill shows the bill of an answer that was read to its end.
func showBill(r *answer.Reply, fallback string) *billObject {
	b := r.Bill()
	_, stale := r.Stale()
	return &billObject{
		Cache: string(r.Outcome), Cost: b.Cost, Saved: b.Saved, Currency: b.Currency, Key: r.Key,
		Fallback: fallback, Stale: stale,
	}
}

func showServed(s *deja.Served) *billObject {
	if s == nil {
		return nil
	}
	return &billObject{Cache: s.Cache, Cost: (*price.Money)(s.Cost), Saved: (*price.Money)(s.Saved), Currency: s.Currency, Key: s.Key, Fallback: s.Fallback, Stale: s.Stale}
}
