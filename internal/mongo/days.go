package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/dejahq/deja"
)

// dayFields are what is added up.
type dayFields struct {
	Requests          int64 `bson:"requests"`
	Hits              int64 `bson:"hits"`
	Misses            int64 `bson:"misses"`
	StoreQueries      int64 `bson:"store_queries"`
	QueriesAvoided    int64 `bson:"queries_avoided"`
	ModelCalls        int64 `bson:"model_calls"`
	ModelCallsAvoided int64 `bson:"model_calls_avoided"`
	Tokens            int64 `bson:"tokens"`
	TokensAvoided     int64 `bson:"tokens_avoided"`
	MoneySpent        int64 `bson:"money_spent"` // billionths
	MoneySaved        int64 `bson:"money_saved"`
}

// dayNames are the names of dayFields.
var dayNames = []string{
	"requests", "hits", "misses", "store_queries", "queries_avoided", "model_calls", "model_calls_avoided",
	"tokens", "tokens_avoided", "money_spent", "money_saved",
}

type shareDoc struct {
	Day  string    `bson:"day"`
	Seq  int64     `bson:"seq"`
	Sums dayFields `bson:",inline"`
}

type dayDoc struct {
	Day  string    `bson:"_id"`
	Sums dayFields `bson:",inline"`
}

// SaveDay is part of deja.Store. The filter matches an older share of the node
// only; where a newer one is there, the insertion that follows from no match
// fails on its id, and nothing is left to do.
func (s *Store) SaveDay(ctx context.Context, d deja.DayShare) error {
	ctx = deja.Writing(ctx)
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	if err := deja.CheckDay(d.Day); err != nil {
		return err
	}
	if d.Node == "" {
		return deja.Errorf(deja.CodeInvalid, "A share of a day needs a node.")
	}
	t := d.DayTotals
	err := s.days.replaceOrInsert(ctx, bson.D{
		{Key: "_id", Value: d.Day + " " + d.Node},
		{Key: "seq", Value: bson.D{{Key: "$lt", Value: d.Seq}}},
	}, shareDoc{d.Day, d.Seq, dayFields{
		t.Requests, t.Hits, t.Misses, t.StoreQueries, t.QueriesAvoided, t.ModelCalls, t.ModelCallsAvoided,
		t.Tokens, t.TokensAvoided, t.MoneySpent, t.MoneySaved,
	}})
	if driver.IsDuplicateKeyError(err) {
		return nil
	}
	return err
}

// replaceOrInsert replaces the one document that matches, or inserts it. A
// duplicate key is left for [driver.IsDuplicateKeyError].
func (c collection) replaceOrInsert(ctx context.Context, filter bson.D, doc any) error {
	deja.CountWrite(ctx)
	within, cancel := c.s.limited(ctx)
	defer cancel()
	_, err := c.c.UpdateOne(within, filter, bson.D{{Key: "$set", Value: doc}}, options.UpdateOne().SetUpsert(true))
	return c.unlessDuplicate(ctx, err)
}

// Days is part of deja.Store.
func (s *Store) Days(ctx context.Context, from string) ([]deja.DayTotals, error) {
	if err := s.gate.enter(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	if err := deja.CheckDay(from); err != nil {
		return nil, err
	}
	sums := bson.D{{Key: "_id", Value: "$day"}}
	for _, name := range dayNames {
		sums = append(sums, bson.E{Key: name, Value: bson.D{{Key: "$sum", Value: "$" + name}}})
	}
	docs, err := aggregate[dayDoc](ctx, s.days, []bson.D{
		{{Key: "$match", Value: bson.D{{Key: "day", Value: bson.D{{Key: "$gte", Value: from}}}}}},
		{{Key: "$group", Value: sums}},
		{{Key: "$sort", Value: bson.D{{Key: "_id", Value: 1}}}},
	})
	if err != nil {
		return nil, err
	}
	days := make([]deja.DayTotals, len(docs))
	for i, d := range docs {
		sum := d.Sums
		days[i] = deja.DayTotals{
			Day: d.Day, Requests: sum.Requests, Hits: sum.Hits, Misses: sum.Misses, StoreQueries: sum.StoreQueries,
			QueriesAvoided: sum.QueriesAvoided, ModelCalls: sum.ModelCalls, ModelCallsAvoided: sum.ModelCallsAvoided,
			Tokens: sum.Tokens, TokensAvoided: sum.TokensAvoided, MoneySpent: sum.MoneySpent, MoneySaved: sum.MoneySaved,
		}
	}
	return days, nil
}
