package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/dejahq/deja"
)

// leftover remembers something that takes more than one step to make or to
// remove. It is written before the first step and removed after the last, so
// that Sweep can clear up when a node dies on the way.
type leftover struct {
	ID    string        `bson:"_id"` // of the table, source, thread or assistant
	Kind  leftoverKind  `bson:"kind"`
	State leftoverState `bson:"state"`
	Since time.Time     `bson:"since"` // of the last sign of life, by the clock of the node that gave it
}

type leftoverKind string

const (
	leftTable  leftoverKind = "table"
	leftSource leftoverKind = "source"
	leftThread leftoverKind = "thread"
	leftMark   leftoverKind = "mark" // of a deleted assistant: ClearMark removes it, and not Sweep
)

type leftoverState string

const (
	importing leftoverState = "importing" // rows are being written
	imported  leftoverState = "imported"  // rows wait for their source to be attached, or a source waits for it
	leaving   leftoverState = "leaving"   // rows or messages are being removed
)

// sweepAge is the age at which somebody's leftovers are everybody's. It is far
// above the time that any step takes, and above what clocks of nodes differ by.
const sweepAge = time.Hour

// removalTime bounds a removal that goes on when its caller has left.
const removalTime = 30 * time.Second

// keepTables marks imported tables as alive, for an attachment.
func (s *Store) keepTables(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	filter := append(in("_id", ids), bson.E{Key: "state", Value: imported})
	n, err := s.leftovers.updateAll(ctx, filter, set("since", time.Now()))
	if err == nil && n != int64(len(ids)) {
		return deja.Errorf(deja.CodeNotFound, "Rows of the data source have not been imported.")
	}
	return err
}

// leave enters tables and sources that are about to go, and the assistant that
// goes with them ("" for none).
func (s *Store) leave(ctx context.Context, tables, sources []string, assistantID string) error {
	var docs []any
	if assistantID != "" {
		docs = append(docs, leftover{ID: assistantID, Kind: leftMark, State: leaving, Since: time.Now()})
	}
	for _, id := range tables {
		docs = append(docs, leftover{ID: id, Kind: leftTable, State: leaving, Since: time.Now()})
	}
	for _, id := range sources {
		docs = append(docs, leftover{ID: id, Kind: leftSource, State: leaving, Since: time.Now()})
	}
	if len(docs) == 0 {
		return nil
	}
	_, err := s.leftovers.insertMany(ctx, docs, false)
	if driver.IsDuplicateKeyError(err) {
		return nil // somebody else is removing them, or Sweep has to look at them anyway
	}
	return err
}

// settle forgets tables and sources that are where they belong, or gone. When
// that fails, Sweep sees it and forgets them.
func (s *Store) settle(ctx context.Context, ids []string) {
	if len(ids) == 0 {
		return
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.leftovers.deleteAll(ctx, in("_id", ids)); err != nil {
		s.log.WarnContext(ctx, "tables or sources are listed as leftovers and are none", "error", err)
	}
}

// removeSoon removes sources that no assistant lists any more, and their
// tables, all of which are entered as leftovers. What fails now is done by Sweep. The source goes before its rows,
// because a table without rows but with a source would pass for an empty one.
func (s *Store) removeSoon(ctx context.Context, tables, sources []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removalTime)
	defer cancel()
	err := s.removeSources(ctx, sources)
	if err == nil {
		err = s.removeTables(ctx, tables)
	}
	if err != nil {
		s.log.WarnContext(ctx, "rows of removed data sources are left over", "error", err)
		return
	}
	s.settle(ctx, sources)
}

func (s *Store) removeSources(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return s.sources.deleteAll(ctx, in("_id", ids))
}

func (s *Store) removeTables(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	for _, id := range ids {
		if err := s.rows(id).drop(ctx); err != nil {
			return err
		}
	}
	return s.leftovers.deleteAll(ctx, in("_id", ids))
}

// Sweep frees threads whose runs have ended, and removes what nodes left over
// that died between two steps more than an hour ago. Open does it once; a node
// that runs for long calls it now and then. Any number of nodes may do so at
// once.
func (s *Store) Sweep(ctx context.Context) error {
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	if err := s.freeThreads(ctx); err != nil {
		return err
	}
	return s.sweep(ctx, time.Now().Add(-sweepAge))
}

func (s *Store) sweep(ctx context.Context, before time.Time) error {
	old, err := find[leftover](ctx, s.leftovers.latest(), bson.D{
		{Key: "since", Value: bson.D{{Key: "$lt", Value: before}}},
		{Key: "kind", Value: bson.D{{Key: "$ne", Value: leftMark}}},
	}, options.Find())
	if err != nil {
		return err
	}
	for _, l := range old {
		if err := s.sweepOne(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// sweepOne removes a leftover as it was read. If somebody has given a sign of
// life since, it is theirs; else nobody can attach it from here on.
func (s *Store) sweepOne(ctx context.Context, l leftover) error {
	claimed, err := s.leftovers.update(ctx, bson.D{{Key: "_id", Value: l.ID}, {Key: "since", Value: l.Since}}, set("state", leaving))
	if err != nil || !claimed {
		return err
	}
	switch l.Kind {
	case leftThread:
		return s.sweepThread(ctx, l.ID)
	case leftSource:
		return s.sweepSource(ctx, l.ID)
	}
	return s.sweepTable(ctx, l.ID)
}

// sweepTable removes a table entered as leaving, unless its source is
// attached: then only the entry was left over.
func (s *Store) sweepTable(ctx context.Context, id string) error {
	sources, attached, err := s.unattached(ctx, bson.D{{Key: "tables.id", Value: id}})
	if err != nil {
		return err
	}
	if attached {
		return s.leftovers.deleteAll(ctx, byID(id))
	}
	if err := s.removeSources(ctx, sources); err != nil {
		return err
	}
	return s.removeTables(ctx, []string{id})
}

// sweepSource removes a source unless it is attached.
func (s *Store) sweepSource(ctx context.Context, id string) error {
	sources, _, err := s.unattached(ctx, byID(id))
	if err == nil {
		err = s.removeSources(ctx, sources)
	}
	if err != nil {
		return err
	}
	return s.leftovers.deleteAll(ctx, byID(id))
}

// unattached gives which of the sources that match are not attached, for good,
// and whether another is. An attachment whose caller has given up may still be
// on its way to the server. So before it looks whether there is one, it raises
// the assistant's fence, which makes such an attachment miss.
func (s *Store) unattached(ctx context.Context, filter bson.D) (ids []string, attached bool, err error) {
	docs, err := find[sourceDoc](ctx, s.sources.latest(), filter, options.Find().SetProjection(bson.D{{Key: "assistant_id", Value: 1}}))
	if err != nil {
		return nil, false, err
	}
	for _, d := range docs {
		if _, err := s.assistants.update(ctx, byID(d.AssistantID), bson.D{{Key: "$inc", Value: bson.D{{Key: "fence", Value: 1}}}}); err != nil {
			return nil, false, err
		}
		listed, err := s.assistants.latest().has(ctx, bson.D{{Key: "_id", Value: d.AssistantID}, {Key: "sources.id", Value: d.ID}})
		switch {
		case err != nil:
			return nil, false, err
		case listed:
			attached = true
		default:
			ids = append(ids, d.ID)
		}
	}
	return ids, attached, nil
}

// sweepThread removes what may have been written to a deleted thread after
// its messages and runs were removed, unless the thread is there again.
func (s *Store) sweepThread(ctx context.Context, id string) error {
	alive, err := s.threads.latest().has(ctx, byID(id))
	if err == nil && !alive {
		err = s.removeThread(ctx, id)
	}
	if err != nil {
		return err
	}
	return s.leftovers.deleteAll(ctx, byID(id))
}

func set(field string, value any) bson.D {
	return bson.D{{Key: "$set", Value: bson.D{{Key: field, Value: value}}}}
}
