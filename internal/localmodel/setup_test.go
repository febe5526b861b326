package localmodel_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/localmodel"
	"github.com/dejahq/deja/internal/schema"
	"github.com/dejahq/deja/internal/sqlite"
)

// file is an uploaded file.
type file struct {
	name string
	data []byte
}

// desk asks the model about files, through the same parts as deja itself:
// schema extraction, the store, the description of the schema, the tool.
type desk struct {
	store  deja.Store
	schema deja.Schema
	model  *localmodel.Model
	system string
}

func newDesk(t testing.TB, files ...file) *desk {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	d := &desk{store: store, system: "You are a helpful clerk."}
	if d.model, err = localmodel.New(localmodel.Options{}); err != nil {
		t.Fatal(err)
	}
	var sources []deja.DataSource
	for _, f := range files {
		opened, err := schema.Open(t.Context(), bytes.NewReader(f.data), int64(len(f.data)), schema.Options{Filename: f.name})
		if err != nil {
			t.Fatal(err)
		}
		s := deja.DataSource{ID: deja.NewID(deja.SourcePrefix), Name: strings.TrimSuffix(f.name, f.name[strings.LastIndex(f.name, "."):]), Filename: f.name, Tables: opened.Tables()}
		for i := range s.Tables {
			s.Tables[i].ID = deja.NewID(deja.TablePrefix)
			if _, err := store.ImportRows(t.Context(), s.Tables[i], opened.Rows(i)); err != nil {
				t.Fatal(err)
			}
		}
		sources = append(sources, s)
	}
	d.schema = schema.Assemble("asst_test", 1, sources)
	return d
}

// ask asks a question to its answer, and gives the number of calls that the
// model made on the way.
func (d *desk) ask(t testing.TB, question string) (string, int) {
	t.Helper()
	req := &deja.ModelRequest{Model: "any", Messages: []deja.ChatMessage{
		{Role: deja.RoleSystem, Content: deja.Text(d.system + "\n\n" + schema.Describe(d.schema))},
		{Role: deja.RoleUser, Content: deja.Text(question)},
	}}
	if len(d.schema.Tables) > 0 {
		req.Tools = []deja.Tool{schema.QueryTool(d.schema)}
	}
	made := 0
	for range 5 {
		text, calls := read(t, d.model, req)
		if len(calls) == 0 {
			return text, made
		}
		made += len(calls)
		req.Messages = append(req.Messages, deja.ChatMessage{Role: deja.RoleAssistant, ToolCalls: calls})
		for _, c := range calls {
			req.Messages = append(req.Messages, deja.ChatMessage{Role: deja.RoleTool, ToolCallID: c.ID, Content: deja.Text(d.query(t, c.Arguments))})
		}
	}
	t.Fatalf("%q: no answer after 5 rounds", question)
	return "", 0
}

func (d *desk) query(t testing.TB, arguments string) string {
	t.Helper()
	q, err := deja.ParseQuery([]byte(arguments), &d.schema)
	if err != nil {
		t.Fatalf("the model's query is refused: %v\n%s", err, arguments)
	}
	res, err := d.store.QueryRows(t.Context(), q)
	if err != nil {
		t.Fatalf("the model's query fails: %v\n%s", err, arguments)
	}
	text, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// read reads one stream and holds it to the contract of all models.
func read(t testing.TB, m *localmodel.Model, req *deja.ModelRequest) (string, []deja.ToolCall) {
	t.Helper()
	var text strings.Builder
	var calls []deja.ToolCall
	var finish deja.FinishReason
	ids := map[string]bool{}
	for d, err := range m.Stream(t.Context(), req) {
		if err != nil {
			t.Fatal(err)
		}
		if finish != "" {
			t.Fatalf("the stream goes on after its end: %+v", d)
		}
		text.WriteString(d.Text)
		for _, c := range d.ToolCalls {
			if c.Index != len(calls) || c.ID == "" || c.Name != schema.QueryToolName || ids[c.ID] {
				t.Fatalf("call %+v after %d", c, len(calls))
			}
			ids[c.ID] = true
			calls = append(calls, deja.ToolCall{ID: c.ID, Name: c.Name, Arguments: c.Arguments})
		}
		finish = d.FinishReason
		if finish != "" && (d.Model != localmodel.Name || d.Usage == nil || !d.Usage.Approximate) {
			t.Fatalf("last delta %+v", d)
		}
	}
	if finish == "" || (finish == deja.FinishToolCalls) != (len(calls) > 0) || (text.Len() > 0) == (len(calls) > 0) {
		t.Fatalf("finish %q with %d calls and the text %q", finish, len(calls), text.String())
	}
	return text.String(), calls
}
