package cache_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What README.md shows is the example that is compiled.
func TestReadmeShowsTheExample(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(readme), "```go\n")
	shown, _, _ = strings.Cut(shown, "```")

	const file = "example_start_test.go"
	code, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, code, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	compiled := ""
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "Example_quickStart" {
			for line := range strings.Lines(string(code[f.Body.Lbrace : f.Body.Rbrace-1])) {
				compiled += strings.TrimPrefix(line, "\t")
			}
		}
	}
	if diff := cmp.Diff(strings.TrimSpace(compiled), strings.TrimSpace(shown)); diff != "" || compiled == "" {
		t.Errorf("%s and README.md (-compiled +shown):\n%s", file, diff)
	}
	if n := strings.Count(shown, "\n"); n > 22 {
		t.Errorf("a quick start of %d lines", n)
	}
}
