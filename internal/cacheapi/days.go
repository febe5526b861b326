package cacheapi

import (
	"net/http"
	"strconv"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/price"
)

type daysAnswer struct {
	Status   string `json:"status"`   // "success"
	Currency string `json:"currency"` // that amounts are in now
	Days     []day  `json:"days"`     // the oldest first, today last
}

type day struct {
	Day               string      `json:"day"`
	Requests          int64       `json:"requests"`
	Hits              int64       `json:"hits"`
	Misses            int64       `json:"misses"`
	StoreQueries      int64       `json:"storeQueries"`
	QueriesAvoided    int64       `json:"queriesAvoided"`
	ModelCalls        int64       `json:"modelCalls"`
	ModelCallsAvoided int64       `json:"modelCallsAvoided"`
	Tokens            int64       `json:"tokens"`
	TokensAvoided     int64       `json:"tokensAvoided"`
	MoneySpent        price.Money `json:"moneySpent"`
	MoneySaved        price.Money `json:"moneySaved"`
}

// defaultDays is how many days are shown when a request does not say.
const defaultDays = 30

// days answers GET /api/cache/days.
func (a *API) days(w http.ResponseWriter, r *http.Request) error {
	n := defaultDays
	if text := r.URL.Query().Get("n"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			return deja.Errorf(deja.CodeInvalid, "n has to be a number of days.").WithParam("n")
		}
	}
	if a.o.Fleet == nil {
		return deja.Errorf(deja.CodeNotFound, "This server keeps no totals of days.")
	}
	totals, err := a.o.Fleet.Days(r.Context(), n)
	if err != nil {
		return err
	}
	answer := daysAnswer{Status: "success", Currency: a.monitor.Currency(), Days: make([]day, len(totals))}
	for i, t := range totals {
		answer.Days[i] = day{
			Day: t.Day, Requests: t.Requests, Hits: t.Hits, Misses: t.Misses, StoreQueries: t.StoreQueries, QueriesAvoided: t.QueriesAvoided,
			ModelCalls: t.ModelCalls, ModelCallsAvoided: t.ModelCallsAvoided, Tokens: t.Tokens, TokensAvoided: t.TokensAvoided,
			MoneySpent: price.Money(t.MoneySpent), MoneySaved: price.Money(t.MoneySaved),
		}
	}
	a.write(w, http.StatusOK, answer)
	return nil
}
