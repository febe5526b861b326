package sqlite_test

import (
	"encoding/json"
	"testing"

	"github.com/dejahq/deja"
)

// JSON comes back letter by letter, also where it lies inside other JSON:
// models read it.
func TestJSONIsNotRewritten(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	const text = `{"b":"<a href=\"x\">&amp;</a>","a":1.50,"\u00e9":[1e400,12345678901234567890]}`
	a := &deja.Assistant{
		ID: "asst_x", Model: "m",
		Tools:         []deja.Tool{{Type: "x", Raw: json.RawMessage(text)}},
		ToolResources: json.RawMessage(text), ResponseFormat: json.RawMessage(text),
	}
	if err := s.CreateAssistant(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	got, err := s.Assistant(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []json.RawMessage{got.Tools[0].Raw, got.ToolResources, got.ResponseFormat} {
		if string(raw) != text {
			t.Errorf("%s\ncame back as\n%s", text, raw)
		}
	}
}
