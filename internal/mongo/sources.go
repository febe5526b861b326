package mongo

import (
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/dejahq/deja"
)

// sourceDoc is a data source with its schema. It is written before its
// assistant lists it and never changes, so that whoever reads the list finds
// what the list stands for.
type sourceDoc struct {
	ID          string       `bson:"_id"`
	AssistantID string       `bson:"assistant_id"`
	Name        string       `bson:"name"`
	Filename    string       `bson:"filename"`
	Format      string       `bson:"format"`
	Bytes       int64        `bson:"bytes"`
	CreatedAt   time.Time    `bson:"created_at"`
	Tables      []deja.Table `bson:"tables"`
}

func (d *sourceDoc) source() deja.DataSource {
	return deja.DataSource{
		ID: d.ID, AssistantID: d.AssistantID, Name: d.Name, Filename: d.Filename, Format: d.Format,
		Bytes: d.Bytes, CreatedAt: d.CreatedAt, Tables: d.Tables,
	}
}

// raiseData raises both versions of an assistant.
var raiseData = bson.D{{Key: "_v", Value: 1}, {Key: "data_v", Value: 1}}

// AttachSource is part of deja.Store.
func (s *Store) AttachSource(ctx context.Context, src *deja.DataSource) (*deja.Assistant, error) {
	ctx = deja.Writing(ctx)
	if err := s.gate.enter(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	tables := make([]string, len(src.Tables))
	for i := range src.Tables {
		tables[i] = src.Tables[i].ID
	}
	// From here on nobody sweeps these tables up for as long as an attachment
	// can take.
	if err := s.keepTables(ctx, tables); err != nil {
		return nil, err
	}
	err := s.leftovers.insert(ctx, leftover{ID: src.ID, Kind: leftSource, State: imported, Since: time.Now()})
	if driver.IsDuplicateKeyError(err) {
		return nil, exists("data source", src.ID)
	}
	if err != nil {
		return nil, err
	}
	err = s.sources.insert(ctx, &sourceDoc{
		ID: src.ID, AssistantID: src.AssistantID, Name: src.Name, Filename: src.Filename, Format: src.Format,
		Bytes: src.Bytes, CreatedAt: src.CreatedAt, Tables: src.Tables,
	})
	if driver.IsDuplicateKeyError(err) {
		s.settle(ctx, []string{src.ID})
		return nil, exists("data source", src.ID)
	}
	if err != nil {
		return nil, err
	}

	a, err := s.listSource(ctx, src, tables)
	switch deja.ErrorCode(err) {
	case "":
		s.settle(ctx, append(tables, src.ID))
	case deja.CodeNotFound, deja.CodeConflict:
		if e := s.sweepSource(context.WithoutCancel(ctx), src.ID); e != nil {
			s.log.WarnContext(ctx, "a data source that was not attached is left over", "source", src.ID, "error", e)
		}
	default: // It may be attached or not. Whoever drops its rows finds out, or Sweep.
	}
	return a, err
}

// listSource makes a source visible: it enters it into its assistant's list.
// The assistant's fence has to be the one read before, see unattached.
func (s *Store) listSource(ctx context.Context, src *deja.DataSource, tables []string) (*deja.Assistant, error) {
	ref := src.Ref()
	for {
		var d assistantDoc
		found, err := s.assistants.latest().one(ctx, byID(src.AssistantID), nil, &d)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, noAssistant(src.AssistantID)
		}
		if slices.ContainsFunc(d.Sources, func(r deja.SourceRef) bool { return r.Name == src.Name }) {
			return nil, deja.Errorf(deja.CodeConflict, "The assistant has a data source named %q already.", src.Name).WithParam("name")
		}
		var now assistantDoc
		attached, err := s.assistants.updated(ctx, bson.D{
			{Key: "_id", Value: src.AssistantID},
			{Key: "fence", Value: bson.D{{Key: "$in", Value: d.fences()}}},
			{Key: "sources.name", Value: bson.D{{Key: "$ne", Value: src.Name}}},
		}, bson.D{
			{Key: "$push", Value: bson.D{{Key: "sources", Value: ref}}},
			{Key: "$inc", Value: raiseData},
			markDirty(),
		}, &now)
		if err != nil {
			return nil, err
		}
		if attached {
			return now.assistant(), nil
		}
		// Another source of that name, or a new fence: then the rows may be gone.
		if err := s.keepTables(ctx, tables); err != nil {
			return nil, err
		}
	}
}

// fences are the values that the document's fence has. One that was made by
// hand has none, which reads as 0.
func (d *assistantDoc) fences() bson.A {
	if d.Fence == 0 {
		return bson.A{0, nil}
	}
	return bson.A{d.Fence}
}

// DetachSource is part of deja.Store.
func (s *Store) DetachSource(ctx context.Context, assistantID, sourceID string) (*deja.Assistant, error) {
	ctx = deja.Writing(ctx)
	if err := s.gate.enter(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	tables, known, err := s.tablesOf(ctx, assistantID, []string{sourceID})
	if err != nil {
		return nil, err
	}
	if err := s.leave(ctx, tables, known, ""); err != nil {
		return nil, err
	}
	var d assistantDoc
	detached, err := s.assistants.updated(ctx, bson.D{
		{Key: "_id", Value: assistantID},
		{Key: "sources.id", Value: sourceID},
	}, bson.D{
		{Key: "$pull", Value: bson.D{{Key: "sources", Value: bson.D{{Key: "id", Value: sourceID}}}}},
		{Key: "$inc", Value: raiseData},
	}, &d)
	if err != nil {
		return nil, err
	}
	if !detached {
		return nil, s.assistants.missed(ctx, byID(assistantID), noAssistant(assistantID), noSource(sourceID))
	}
	s.removeSoon(ctx, tables, []string{sourceID})
	return d.assistant(), nil
}

// Sources is part of deja.Store.
func (s *Store) Sources(ctx context.Context, assistantID string) ([]deja.DataSource, int64, error) {
	if err := s.gate.enter(); err != nil {
		return nil, 0, err
	}
	defer s.gate.leave()
	for before := int64(0); ; {
		var d assistantDoc
		found, err := s.assistants.one(ctx, byID(assistantID), bson.D{{Key: "data_v", Value: 1}, {Key: "sources", Value: 1}}, &d)
		if err != nil {
			return nil, 0, err
		}
		if !found {
			return nil, 0, noAssistant(assistantID)
		}
		if len(d.Sources) == 0 {
			return nil, d.DataVersion, nil
		}
		ids := make([]string, len(d.Sources))
		for i, ref := range d.Sources {
			ids[i] = ref.ID
		}
		docs, err := find[sourceDoc](ctx, s.sources, in("_id", ids), options.Find())
		if err != nil {
			return nil, 0, err
		}
		if len(docs) == len(ids) {
			sources := make([]deja.DataSource, len(docs))
			for i := range docs {
				sources[slices.Index(ids, docs[i].ID)] = docs[i].source()
			}
			return sources, d.DataVersion, nil
		}
		// One was detached after the list was read: the list is another now.
		if d.DataVersion == before {
			return nil, 0, deja.Errorf(deja.CodeInternal, "The data sources of assistant '%.64s' are incomplete.", assistantID)
		}
		before = d.DataVersion
	}
}

// tablesOf gives the ids of the tables of an assistant's sources, and those of
// the sources that there are.
func (s *Store) tablesOf(ctx context.Context, assistantID string, sourceIDs []string) (tables, known []string, err error) {
	if len(sourceIDs) == 0 {
		return nil, nil, nil
	}
	filter := append(in("_id", sourceIDs), bson.E{Key: "assistant_id", Value: assistantID})
	docs, err := find[sourceDoc](ctx, s.sources.latest(), filter, options.Find().SetProjection(bson.D{{Key: "tables.id", Value: 1}}))
	for i := range docs {
		known = append(known, docs[i].ID)
		for _, t := range docs[i].Tables {
			tables = append(tables, t.ID)
		}
	}
	return tables, known, err
}

func in[T any](field string, values []T) bson.D {
	return bson.D{{Key: field, Value: bson.D{{Key: "$in", Value: values}}}}
}
