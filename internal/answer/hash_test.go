package answer

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/dejahq/deja"
)

// hashed is all that goes into a hash.
type hashed struct {
	Assistant deja.Assistant // only id and version count
	Schema    deja.Schema    // only the version counts
	Request   deja.ModelRequest
}

func (h *hashed) hash(t interface{ Fatal(...any) }) string {
	s, err := contentHash(&h.Assistant, &h.Schema, &h.Request)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func drawHashed(t *rapid.T) hashed {
	text := rapid.StringMatching(`[a-c"\\{}\[\],: ]{0,4}`)
	var h hashed
	h.Assistant.ID = "asst_" + text.Draw(t, "id")
	h.Assistant.Version = rapid.Int64Range(1, 3).Draw(t, "version")
	h.Schema.Version = rapid.Int64Range(0, 2).Draw(t, "schema version")
	r := &h.Request
	r.Model = text.Draw(t, "model")
	r.Messages = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) deja.ChatMessage {
		m := deja.ChatMessage{
			Role: rapid.SampledFrom([]deja.Role{deja.RoleUser, deja.RoleAssistant, deja.RoleTool}).Draw(t, "role"),
			Name: text.Draw(t, "name"), ToolCallID: text.Draw(t, "call"),
		}
		m.Content = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) deja.Part {
			return deja.Part{Type: deja.PartText, Text: text.Draw(t, "text"), ImageURL: text.Draw(t, "image")}
		}), 0, 2).Draw(t, "content")
		m.ToolCalls = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) deja.ToolCall {
			return deja.ToolCall{ID: text.Draw(t, "id"), Name: text.Draw(t, "name"), Arguments: text.Draw(t, "arguments")}
		}), 0, 2).Draw(t, "calls")
		return m
	}), 0, 3).Draw(t, "messages")
	r.Tools = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) deja.Tool {
		return deja.Tool{Type: "function", Function: &deja.Function{Name: text.Draw(t, "name"), Description: text.Draw(t, "description")}}
	}), 0, 2).Draw(t, "tools")
	r.Temperature = rapid.Ptr(rapid.SampledFrom([]float64{0, 0.5, 1}), true).Draw(t, "temperature")
	r.TopP = rapid.Ptr(rapid.SampledFrom([]float64{0, 0.5, 1}), true).Draw(t, "top_p")
	r.MaxCompletionTokens = rapid.Ptr(rapid.IntRange(0, 2), true).Draw(t, "max")
	r.Stop = rapid.SliceOfN(text, 0, 2).Draw(t, "stop")
	r.Seed = rapid.Ptr(rapid.Int64Range(0, 2), true).Draw(t, "seed")
	r.PresencePenalty = rapid.Ptr(rapid.SampledFrom([]float64{0, 1}), true).Draw(t, "presence")
	r.FrequencyPenalty = rapid.Ptr(rapid.SampledFrom([]float64{0, 1}), true).Draw(t, "frequency")
	r.ParallelToolCalls = rapid.Ptr(rapid.Bool(), true).Draw(t, "parallel")
	r.ReasoningEffort = text.Draw(t, "effort")
	r.ResponseFormat = rapid.SampledFrom([]json.RawMessage{nil, json.RawMessage(`"auto"`), json.RawMessage(`{"type":"text"}`)}).Draw(t, "format")
	r.ToolChoice = rapid.SampledFrom([]json.RawMessage{nil, json.RawMessage(`"none"`)}).Draw(t, "choice")
	return h
}

// same says whether two questions must have the same answer.
func (h *hashed) same(o *hashed) bool {
	// nil and empty lists say the same to a model.
	a, _ := json.Marshal(h.Request)
	b, _ := json.Marshal(o.Request)
	return h.Assistant.ID == o.Assistant.ID && h.Assistant.Version == o.Assistant.Version &&
		h.Schema.Version == o.Schema.Version && string(a) == string(b)
}

func TestHashTellsQuestionsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawHashed(t), drawHashed(t)
		if same := a.hash(t) == b.hash(t); same != a.same(&b) {
			t.Fatalf("same hash: %t\n%+v\n%+v", same, a, b)
		}
	})
}

// TestHashCoversEveryField changes each field of a full request by itself, so
// that a field that is added to the request cannot be forgotten in the hash.
func TestHashCoversEveryField(t *testing.T) {
	full := func() *hashed {
		h := &hashed{}
		h.Assistant.ID, h.Assistant.Version, h.Schema.Version = "asst_1", 1, 1
		fill(reflect.ValueOf(&h.Request).Elem())
		return h
	}
	plain := full().hash(t)
	if again := full().hash(t); again != plain {
		t.Fatal("the hash is not stable")
	}
	for _, change := range []func(*hashed){
		func(h *hashed) { h.Assistant.ID = "asst_2" },
		func(h *hashed) { h.Assistant.Version++ },
		func(h *hashed) { h.Schema.Version++ },
	} {
		h := full()
		change(h)
		if h.hash(t) == plain {
			t.Error("a change of the assistant or its schema does not change the hash")
		}
	}
	fields := reflect.TypeFor[deja.ModelRequest]()
	for i := range fields.NumField() {
		h := full()
		reflect.ValueOf(&h.Request).Elem().Field(i).SetZero()
		// Fallbacks are no part of what is asked; they change with the
		// assistant's version.
		name := fields.Field(i).Name
		if changed := h.hash(t) != plain; changed == (name == "Fallbacks") {
			t.Errorf("%s: the hash changes: %t", name, changed)
		}
	}
}

// fill sets every field to something other than zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.SetBytes([]byte(`{"a":1}`))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Bool:
		v.SetBool(true)
	default:
		panic("no way to fill a " + v.Kind().String())
	}
}

// TestScopesKeepClientsApart: what is not shared has a scope that no other
// client, and no other assistant, has.
func TestScopesKeepClientsApart(t *testing.T) {
	seen := map[string][2]string{}
	for _, pair := range [][2]string{{"asst_1", "a"}, {"asst_1", "b"}, {"asst_2", "a"}, {"asst_1", ""}, {"asst_1a", ""}, {`asst_1" "a`, ""}} {
		s := clientScope(pair[0], pair[1])
		if other, ok := seen[s]; ok {
			t.Errorf("%q and %q share a scope", pair, other)
		}
		seen[s] = pair
	}
}
