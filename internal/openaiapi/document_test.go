package openaiapi_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// document is the public OpenAPI document, against whose component schemas
// responses are checked. Each schema is compiled once.
type document struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
}

// documentPath is beside the repository: the document is large and not ours.
var documentPath = filepath.Join("..", "..", "..", "shared", "openai", "openapi.json")

const documentURL = "https://deja.invalid/openapi.json"

var openDocument = sync.OnceValues(func() (*document, error) {
	f, err := os.Open(documentPath)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	v, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource(documentURL, modern(v)); err != nil {
		return nil, err
	}
	return &document{compiler: c, schemas: make(map[string]*jsonschema.Schema)}, nil
})

// modern turns "nullable", which the document has kept from OpenAPI 3.0 in
// places, into what it means in JSON Schema.
func modern(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = modern(e)
		}
		if v["nullable"] == true {
			delete(v, "nullable")
			return map[string]any{"anyOf": []any{v, map[string]any{"type": "null"}}}
		}
	case []any:
		for i, e := range v {
			v[i] = modern(e)
		}
	}
	return v
}

func (d *document) schema(name string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := d.schemas[name]; ok {
		return s, nil
	}
	s, err := d.compiler.Compile(documentURL + "#/components/schemas/" + name)
	if err == nil {
		d.schemas[name] = s
	}
	return s, err
}

// conforms fails the test when a body is not what the public document says. It
// checks nothing where the document is absent; TestDocument says so.
func conforms(t testing.TB, schema string, body []byte) {
	t.Helper()
	d, err := openDocument()
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.schema(schema)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("the body is no JSON: %v\n%s", err, body)
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("the body is no %s: %v\n%s", schema, err, body)
	}
}

// TestDocument shows that the checks against the document do check.
func TestDocument(t *testing.T) {
	d, err := openDocument()
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the public OpenAPI document is not at %s: responses are not checked against it", documentPath)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.schema("ThreadObject")
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]bool{
		`{"id":"thread_1","object":"thread","created_at":1,"tool_resources":null,"metadata":{}}`:   true,
		`{"id":"thread_1","object":"thread","created_at":"1","tool_resources":null,"metadata":{}}`: false,
		`{"id":"thread_1","object":"thread","created_at":1,"metadata":{}}`:                         false,
	} {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Validate(v) == nil; got != want {
			t.Errorf("%s: valid is %t", body, got)
		}
	}
}
