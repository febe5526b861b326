package sqlite

import (
	"context"

	"github.com/dejahq/deja"
)

const saveDay = `INSERT INTO day_shares (day, node, seq, requests, hits, misses, store_queries, queries_avoided,
	model_calls, model_calls_avoided, tokens, tokens_avoided, money_spent, money_saved)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (day, node) DO UPDATE SET seq = excluded.seq, requests = excluded.requests, hits = excluded.hits, misses = excluded.misses,
	store_queries = excluded.store_queries, queries_avoided = excluded.queries_avoided,
	model_calls = excluded.model_calls, model_calls_avoided = excluded.model_calls_avoided,
	tokens = excluded.tokens, tokens_avoided = excluded.tokens_avoided,
	money_spent = excluded.money_spent, money_saved = excluded.money_saved
WHERE excluded.seq > day_shares.seq`

// SaveDay stores a node's share of a day, in place of an older one.
func (s *Store) SaveDay(ctx context.Context, d deja.DayShare) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if err := deja.CheckDay(d.Day); err != nil {
		return err
	}
	if d.Node == "" {
		return deja.Errorf(deja.CodeInvalid, "A share of a day needs a node.")
	}
	return failure(s.docs.writer.transact(ctx, func(t *tx) error {
		_, err := t.exec(saveDay, d.Day, d.Node, d.Seq, d.Requests, d.Hits, d.Misses, d.StoreQueries, d.QueriesAvoided,
			d.ModelCalls, d.ModelCallsAvoided, d.Tokens, d.TokensAvoided, d.MoneySpent, d.MoneySaved)
		return err
	}))
}

// Days adds the shares of each day up.
func (s *Store) Days(ctx context.Context, from string) ([]deja.DayTotals, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if err := deja.CheckDay(from); err != nil {
		return nil, err
	}
	var days []deja.DayTotals
	err := s.docs.each(ctx, func(r scanner) error {
		var d deja.DayTotals
		err := r.Scan(&d.Day, &d.Requests, &d.Hits, &d.Misses, &d.StoreQueries, &d.QueriesAvoided,
			&d.ModelCalls, &d.ModelCallsAvoided, &d.Tokens, &d.TokensAvoided, &d.MoneySpent, &d.MoneySaved)
		days = append(days, d)
		return err
	}, `SELECT day, sum(requests), sum(hits), sum(misses), sum(store_queries), sum(queries_avoided), sum(model_calls),
		sum(model_calls_avoided), sum(tokens), sum(tokens_avoided), sum(money_spent), sum(money_saved)
		FROM day_shares WHERE day >= ? GROUP BY day ORDER BY day`, from)
	if err != nil {
		return nil, failure(err)
	}
	return days, nil
}
