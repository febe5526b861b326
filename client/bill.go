package client

import (
	"net/http"
	"strconv"
)

// Bill says what an answer cost, and what the cache saved of that. An amount
// is nil when the server does not know it: at all, because it has no price for
// the model, or yet, because the answer is not whole.
type Bill struct {
	Cost     *float64 `json:"cost"`
	Saved    *float64 `json:"saved"`
	Currency string   `json:"currency"` // such as "USD"; known at the end of the answer
}

func readBill(h http.Header) Bill {
	return Bill{Cost: amount(h.Get("X-Deja-Cost")), Saved: amount(h.Get("X-Deja-Saved"))}
}

func amount(text string) *float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v < 1e15) {
		return nil
	}
	return &v
}
