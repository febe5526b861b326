package storetest

import (
	"testing"

	"github.com/dejahq/deja"
)

// dayOf gives totals of a day in which every field has a value of its own.
func dayOf(day string, n int64) deja.DayTotals {
	return deja.DayTotals{
		Day: day, Requests: n, Hits: 2 * n, Misses: 3 * n, StoreQueries: 4 * n, QueriesAvoided: 5 * n, ModelCalls: 6 * n,
		ModelCallsAvoided: 7 * n, Tokens: 8 * n, TokensAvoided: 9 * n, MoneySpent: 10 * n, MoneySaved: 1_000_000_000_000 * n,
	}
}

func wantDays(t *testing.T, s deja.Store, from string, want ...deja.DayTotals) {
	t.Helper()
	days, err := s.Days(t.Context(), from)
	ok(t, err)
	same(t, "days", days, want)
}

var dayTests = []storeTest{
	{"none", func(t *testing.T, s deja.Store) { wantDays(t, s, "2026-01-01") }},
	{"shares are added up", func(t *testing.T, s deja.Store) {
		for _, share := range []deja.DayShare{
			{Node: "b", Seq: 1, DayTotals: dayOf("2026-11-23", 10)},
			{Node: "a", Seq: 1, DayTotals: dayOf("2026-11-23", 1)},
			{Node: "a", Seq: 1, DayTotals: dayOf("2026-11-22", 100)},
			{Node: "a", Seq: 1, DayTotals: dayOf("2025-12-31", 1000)},
		} {
			ok(t, s.SaveDay(t.Context(), share))
		}
		wantDays(t, s, "2025-12-31", dayOf("2025-12-31", 1000), dayOf("2026-11-22", 100), dayOf("2026-11-23", 11))
		wantDays(t, s, "2026-11-23", dayOf("2026-11-23", 11))
		wantDays(t, s, "2026-11-24")
	}},
	{"a later share replaces an earlier one", func(t *testing.T, s deja.Store) {
		for _, step := range []struct{ seq, n, want int64 }{
			{5, 3, 3},
			{5, 3, 3}, // a retry
			{5, 4, 3},
			{4, 9, 3}, // overtaken
			{6, 7, 7},
			{9, 2, 2},
		} {
			ok(t, s.SaveDay(t.Context(), deja.DayShare{Node: "a", Seq: step.seq, DayTotals: dayOf("2026-11-23", step.n)}))
			wantDays(t, s, "2026-11-23", dayOf("2026-11-23", step.want))
		}
	}},
	{"whoever saves, and however often", func(t *testing.T, s deja.Store) {
		const nodes, shares = 4, 10
		names := []string{"a", "b", "c", "d"}
		together(t, 3*nodes*shares, func(i int) error {
			i %= nodes * shares // every share is saved three times
			seq := int64(i / nodes)
			return s.SaveDay(t.Context(), deja.DayShare{Node: names[i%nodes], Seq: seq, DayTotals: dayOf("2026-11-23", seq)})
		})
		wantDays(t, s, "2026-11-23", dayOf("2026-11-23", nodes*(shares-1)))
	}},
	{"what is refused", func(t *testing.T, s deja.Store) {
		for _, day := range []string{"", "today", "2026-11-31", "2026-1-1", "2026-11-23 ", "$gt"} {
			wantCode(t, s.SaveDay(t.Context(), deja.DayShare{Node: "a", DayTotals: deja.DayTotals{Day: day}}), deja.CodeInvalid)
			_, err := s.Days(t.Context(), day)
			wantCode(t, err, deja.CodeInvalid)
		}
		wantCode(t, s.SaveDay(t.Context(), deja.DayShare{DayTotals: deja.DayTotals{Day: "2026-11-23"}}), deja.CodeInvalid)
	}},
}
