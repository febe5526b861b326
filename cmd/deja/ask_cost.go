package main

import (
	"fmt"

	"github.com/dejahq/deja/client"
)

// askedCost is what an answer cost and saved, as far as the server knows
// prices.
type askedCost struct {
	Cost     *float64 `json:"cost,omitempty"`
	Saved    *float64 `json:"saved,omitempty"`
	Currency string   `json:"currency,omitempty"`
}

func costOf(a *client.Answer) askedCost { return askedCost(a.Bill) }

// String says it in words; nothing when it isn't known.
func (c askedCost) String() string {
	if c.Cost == nil {
		return ""
	}
	s := fmt.Sprintf("%s %s", money(*c.Cost), c.Currency)
	if c.Saved != nil && *c.Saved > 0 {
		s += fmt.Sprintf(", saved %s %s", money(*c.Saved), c.Currency)
	}
	return s
}

// money gives an amount with as many decimals as it takes to see it.
func money(v float64) string {
	if v == 0 || v >= 1 || v <= -1 {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.6f", v)
}
