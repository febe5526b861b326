package deja

import "time"

// DayTotals is what deja did and saved in one day.
type DayTotals struct {
	Day string // in UTC, as 2026-11-23

	Requests          int64 // to routes that have to do with the cache or not
	Hits              int64
	Misses            int64
	StoreQueries      int64 // store queries made that read
	QueriesAvoided    int64
	ModelCalls        int64
	ModelCallsAvoided int64
	Tokens            int64
	TokensAvoided     int64
	MoneySpent        int64 // billionths of the currency that prices are in
	MoneySaved        int64
}

// Add adds what another share of the same day counted.
func (d *DayTotals) Add(o DayTotals) {
	d.Requests += o.Requests
	d.Hits += o.Hits
	d.Misses += o.Misses
	d.StoreQueries += o.StoreQueries
	d.QueriesAvoided += o.QueriesAvoided
	d.ModelCalls += o.ModelCalls
	d.ModelCallsAvoided += o.ModelCallsAvoided
	d.Tokens += o.Tokens
	d.TokensAvoided += o.TokensAvoided
	d.MoneySpent += o.MoneySpent
	d.MoneySaved += o.MoneySaved
}

// DayShare is what one start of one node has counted of a day so far. The
// shares of a day are added up; a share is replaced by a later one of the same
// node and start, so saving one again, or by somebody else, counts nothing twice.
type DayShare struct {
	Node string // the node's name and something that no other start of it has
	Seq  int64  // rises with every share of the node and day
	DayTotals
}

// DayOf names the day of a time.
func DayOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// CheckDay reports whether a text names a day; CodeInvalid if not. It is for
// stores.
func CheckDay(day string) error {
	if t, err := time.Parse(time.DateOnly, day); err != nil || DayOf(t) != day {
		return Errorf(CodeInvalid, "%.40q is not a day such as 2026-11-23.", day)
	}
	return nil
}
