package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/dejahq/deja"
)

// A mark is the field "dirty" of the assistant, set by the update that changes
// it, so that neither can be stored without the other. The assistant that is
// deleted takes its field with it; its mark is a leftover, entered before.

// isDirty is also the index's filter, word for word.
var isDirty = bson.D{{Key: "dirty", Value: bson.D{{Key: "$gt", Value: time.Unix(0, 0)}}}}

// markDirty is the part of an update that sets the mark.
func markDirty() bson.E {
	return bson.E{Key: "$set", Value: bson.D{{Key: "dirty", Value: time.Now()}}}
}

// Marks is part of deja.Store. They are in the order of the clocks of the
// nodes that set them; deleted assistants come last.
func (s *Store) Marks(ctx context.Context, limit int) ([]deja.Mark, error) {
	if err := s.gate.enter(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	o := func(order string) *options.FindOptionsBuilder {
		return options.Find().SetSort(bson.D{{Key: order, Value: 1}}).SetLimit(int64(limit))
	}
	dirty, err := find[assistantDoc](ctx, s.assistants, isDirty,
		o("dirty").SetProjection(bson.D{{Key: "_v", Value: 1}, {Key: "data_v", Value: 1}}))
	if err != nil {
		return nil, err
	}
	deleted, err := find[leftover](ctx, s.leftovers, bson.D{{Key: "kind", Value: leftMark}}, o("since"))
	if err != nil {
		return nil, err
	}
	var marks []deja.Mark
	for _, d := range dirty {
		marks = append(marks, deja.Mark{AssistantID: d.ID, Version: d.Version, DataVersion: d.DataVersion})
	}
	for _, d := range deleted {
		marks = append(marks, deja.Mark{AssistantID: d.ID})
	}
	return marks[:min(len(marks), limit)], nil
}

// ClearMark is part of deja.Store.
func (s *Store) ClearMark(ctx context.Context, m deja.Mark) error {
	ctx = deja.Writing(ctx)
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	if m.Version == 0 {
		return s.leftovers.deleteAll(ctx, append(byID(m.AssistantID), bson.E{Key: "kind", Value: leftMark}))
	}
	_, err := s.assistants.update(ctx, atVersion(m.AssistantID, m.Version),
		bson.D{{Key: "$unset", Value: bson.D{{Key: "dirty", Value: ""}}}})
	return err
}
