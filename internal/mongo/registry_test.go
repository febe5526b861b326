package mongo

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/mongotest"
)

// TestEditsByHand writes documents as people do, who do not know how the
// store writes its own.
func TestEditsByHand(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Options{URI: deja.NewSecret(mongotest.Start(t))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	edit := func(id string, fields bson.D) {
		t.Helper()
		if _, err := s.db.Collection("assistants").UpdateByID(t.Context(), id, bson.D{{Key: "$set", Value: fields}}); err != nil {
			t.Fatal(err)
		}
	}

	a := newAssistant(t, s)
	edit(a.ID, bson.D{
		{Key: "name", Value: "by hand"},
		{Key: "temperature", Value: 1}, // an integer
		{Key: "metadata", Value: bson.D{{Key: "k", Value: "v"}}},
		{Key: "tools", Value: bson.A{}},
		{Key: "note", Value: "of no meaning to deja"},
	})
	got, err := s.Assistant(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "by hand" || *got.Temperature != 1 || !cmp.Equal(got.Metadata, map[string]string{"k": "v"}) {
		t.Errorf("%+v", got)
	}
	// The next update of deja keeps what it does not know.
	if err := s.UpdateAssistant(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	if has, err := s.assistants.has(t.Context(), bson.D{{Key: "_id", Value: a.ID}, {Key: "note", Value: "of no meaning to deja"}}); err != nil || !has {
		t.Errorf("the note is gone, %v", err)
	}

	for field, value := range map[string]any{
		"name": 1, "created_at": "yesterday", "tool_resources": bson.D{{Key: "a", Value: 1}}, "response_format": "{", "metadata": "x", "sources": "none",
	} {
		b := newAssistant(t, s)
		edit(b.ID, bson.D{{Key: field, Value: value}})
		if _, err := s.Assistant(t.Context(), b.ID); deja.ErrorCode(err) != deja.CodeInternal {
			t.Errorf("%s is %v: %v, want %s", field, value, err, deja.CodeInternal)
		}
	}
}

// FuzzMetadata decodes any value; what can be decoded is encoded to what
// gives it again.
func FuzzMetadata(f *testing.F) {
	for _, m := range []any{metadata{}, metadata{"a.b": "c", "": "$d"}, map[string]string{"k": "v"}, []pair{{"k", "1"}, {"k", "2"}}, []int{1}, "x", metadata(nil)} {
		t, data, err := bson.MarshalValue(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(t), data)
	}
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		var m metadata
		if m.UnmarshalBSONValue(kind, data) != nil {
			return
		}
		k, again, err := m.MarshalBSONValue()
		if err != nil {
			t.Fatal(err)
		}
		var n metadata
		if err := n.UnmarshalBSONValue(k, again); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, n); d != "" {
			t.Error(d)
		}
	})
}

// FuzzAssistantDocument decodes any bytes as a stored assistant.
func FuzzAssistantDocument(f *testing.F) {
	r := registry()
	encode := func(v any) []byte {
		var b bytes.Buffer
		e := bson.NewEncoder(bson.NewDocumentWriter(&b))
		e.SetRegistry(r)
		e.UseJSONStructTags()
		if err := e.Encode(v); err != nil {
			f.Fatal(err)
		}
		return b.Bytes()
	}
	f.Add(encode(assistantDoc{ID: "asst_x", Settings: settingsOf(&deja.Assistant{ToolResources: json.RawMessage(`{"a":1}`), Tools: []deja.Tool{{Type: "function"}}})}))
	f.Add(encode(bson.D{{Key: "tool_resources", Value: "{"}, {Key: "created_at", Value: 1}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := bson.NewDecoder(bson.NewDocumentReader(bytes.NewReader(data)))
		d.SetRegistry(r)
		d.UseJSONStructTags()
		var doc assistantDoc
		if d.Decode(&doc) != nil {
			return
		}
		if raw := doc.assistant().ToolResources; raw != nil && !json.Valid(raw) {
			t.Errorf("tool_resources are %q", raw)
		}
	})
}
