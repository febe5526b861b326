package mongo

import (
	"context"
	"encoding/json"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/dejahq/deja"
)

// assistantDoc is an assistant as stored. It embeds the references to its
// sources, so that attaching and detaching are one update.
type assistantDoc struct {
	ID          string        `bson:"_id"`
	Version     int64         `bson:"_v"`
	DataVersion int64         `bson:"data_v"`
	CreatedAt   time.Time     `bson:"created_at"`
	Order       bson.ObjectID `bson:"ord"` // orders assistants of one millisecond

	Settings assistantSettings `bson:",inline"`

	Sources []deja.SourceRef `bson:"sources"`
	Fence   int64            `bson:"fence"` // see unattached

	Dirty *time.Time `bson:"dirty,omitempty"` // see Marks
}

// assistantSettings is what UpdateAssistant replaces.
type assistantSettings struct {
	Name            string          `bson:"name"`
	Description     string          `bson:"description"`
	Instructions    string          `bson:"instructions"`
	Model           string          `bson:"model"`
	Tools           []deja.Tool     `bson:"tools"`
	ToolResources   json.RawMessage `bson:"tool_resources"`
	Metadata        metadata        `bson:"metadata"`
	Temperature     *float64        `bson:"temperature"`
	TopP            *float64        `bson:"top_p"`
	ResponseFormat  json.RawMessage `bson:"response_format"`
	ReasoningEffort string          `bson:"reasoning_effort"`
	Sharing         deja.Sharing    `bson:"sharing"`
	Caching         deja.Caching    `bson:"caching"`
	Fallbacks       []deja.Fallback `bson:"fallbacks"`
}

func settingsOf(a *deja.Assistant) assistantSettings {
	return assistantSettings{
		Name: a.Name, Description: a.Description, Instructions: a.Instructions, Model: a.Model,
		Tools: a.Tools, ToolResources: a.ToolResources, Metadata: a.Metadata,
		Temperature: a.Temperature, TopP: a.TopP,
		ResponseFormat: a.ResponseFormat, ReasoningEffort: a.ReasoningEffort, Sharing: a.Sharing, Caching: a.Caching,
		Fallbacks: a.Fallbacks,
	}
}

func (d *assistantDoc) assistant() *deja.Assistant {
	return &deja.Assistant{
		ID: d.ID, CreatedAt: d.CreatedAt, Version: d.Version, DataVersion: d.DataVersion,
		Name: d.Settings.Name, Description: d.Settings.Description, Instructions: d.Settings.Instructions, Model: d.Settings.Model,
		Tools: d.Settings.Tools, ToolResources: d.Settings.ToolResources, Metadata: d.Settings.Metadata,
		Temperature: d.Settings.Temperature, TopP: d.Settings.TopP,
		ResponseFormat: d.Settings.ResponseFormat, ReasoningEffort: d.Settings.ReasoningEffort, Sharing: d.Settings.Sharing, Caching: d.Settings.Caching,
		Fallbacks: d.Settings.Fallbacks,
		Sources:   d.Sources, Dirty: d.Dirty != nil,
	}
}

// CreateAssistant is part of deja.Store.
func (s *Store) CreateAssistant(ctx context.Context, a *deja.Assistant) error {
	ctx = deja.Writing(ctx)
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	err := s.assistants.insert(ctx, &assistantDoc{
		ID: a.ID, Version: 1, DataVersion: 1, CreatedAt: a.CreatedAt, Order: bson.NewObjectID(),
		Settings: settingsOf(a),
		Sources:  []deja.SourceRef{}, // null would refuse $push
	})
	if driver.IsDuplicateKeyError(err) {
		return exists("assistant", a.ID)
	}
	if err == nil {
		a.Version, a.DataVersion, a.Dirty = 1, 1, false
	}
	return err
}

// Assistant is part of deja.Store.
func (s *Store) Assistant(ctx context.Context, id string) (*deja.Assistant, error) {
	if err := s.gate.enter(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	var d assistantDoc
	found, err := s.assistants.one(ctx, byID(id), nil, &d)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, noAssistant(id)
	}
	return d.assistant(), nil
}

// Assistants is part of deja.Store.
func (s *Store) Assistants(ctx context.Context, p deja.Page) (deja.Listing[deja.Assistant], error) {
	if err := s.gate.enter(); err != nil {
		return deja.Listing[deja.Assistant]{}, err
	}
	defer s.gate.leave()
	return list(ctx, listing[assistantDoc, deja.Assistant]{
		in: s.assistants, keys: []string{"created_at", "ord"}, convert: (*assistantDoc).assistant,
	}, p)
}

// UpdateAssistant is part of deja.Store.
func (s *Store) UpdateAssistant(ctx context.Context, a *deja.Assistant) error {
	ctx = deja.Writing(ctx)
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	done, err := s.assistants.update(ctx, atVersion(a.ID, a.Version), bson.D{
		{Key: "$set", Value: struct {
			Settings assistantSettings `bson:",inline"`
			Dirty    time.Time         `bson:"dirty"`
		}{settingsOf(a), time.Now()}},
		{Key: "$inc", Value: bson.D{{Key: "_v", Value: 1}}},
	})
	if err != nil {
		return err
	}
	if !done {
		return s.assistants.missed(ctx, byID(a.ID), noAssistant(a.ID), changed("assistant", a.ID))
	}
	a.Version++
	a.Dirty = true
	return nil
}

// DeleteAssistant is part of deja.Store. The sources are entered as leftovers
// before the assistant goes, so they go too if this node dies in between, and
// the assistant itself with them as the mark of the change. The
// guard on the version sees to it that no source is attached meanwhile, of
// whose tables nobody would know.
func (s *Store) DeleteAssistant(ctx context.Context, id string) error {
	ctx = deja.Writing(ctx)
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	for {
		var d assistantDoc
		found, err := s.assistants.latest().one(ctx, byID(id), bson.D{{Key: "_v", Value: 1}, {Key: "sources", Value: 1}}, &d)
		if err != nil {
			return err
		}
		if !found {
			return noAssistant(id)
		}
		var ids []string
		for _, ref := range d.Sources {
			ids = append(ids, ref.ID)
		}
		tables, known, err := s.tablesOf(ctx, id, ids)
		if err != nil {
			return err
		}
		if err := s.leave(ctx, tables, known, id); err != nil {
			return err
		}
		gone, err := s.assistants.delete(ctx, atVersion(id, d.Version))
		if err != nil {
			return err
		}
		if gone {
			s.removeSoon(ctx, tables, known)
			return nil
		}
	}
}

// byID and atVersion make the filters that guard updates.
func byID(id string) bson.D { return bson.D{{Key: "_id", Value: id}} }

func atVersion(id string, version int64) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "_v", Value: version}}
}

// missed says why a guarded update found nothing: the document is not there,
// or it is, in another version.
func (c collection) missed(ctx context.Context, filter bson.D, absent, conflict error) error {
	found, err := c.latest().has(ctx, filter)
	switch {
	case err != nil:
		return err
	case !found:
		return absent
	}
	return conflict
}
