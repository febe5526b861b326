package deja_test

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/dejahq/deja"

// mayImport is the direction of the house: each package, and the packages of
// this module that its non-test files may import. "" is the root. What is not
// listed may import nothing of ours, so a new package needs a line here.
var mayImport = map[string][]string{
	"":                         {},
	"cache":                    {"cache/internal/wallclock", "internal/redisconn"},
	"cache/cacheprom":          {"cache"},
	"cache/cacheotel":          {"cache"},
	"cache/internal/wallclock": {},
	"ratelimit":                {"internal/redisconn"},
	"client":                   {},
	"internal/redisconn":       {},

	// Adapters know the root and what they serve, never each other.
	"internal/sqlite":      {""},
	"internal/mongo":       {""},
	"internal/llm":         {""},
	"internal/localmodel":  {"", "internal/schema"},
	"internal/upstream":    {""},
	"internal/schema":      {""},
	"internal/storetest":   {""},
	"internal/llm/llmtest": {""},
	"internal/mongotest":   {},
	"internal/redistest":   {},
	"internal/demodata":    {},
	"internal/workload":    {},
	"internal/modelsim":    {},

	"internal/price":      {""},
	"internal/monitor":    {"", "cache", "internal/price"},
	"internal/layers":     {"", "cache", "internal/schema"},
	"internal/answer":     {"", "cache", "internal/layers", "internal/monitor", "internal/price", "internal/schema"},
	"internal/middleware": {"", "cache", "internal/answer", "internal/layers", "internal/monitor", "internal/telemetry", "ratelimit"},
	"internal/eventlog":   {"cache"},
	"internal/fleet":      {"", "internal/monitor", "internal/price", "internal/redisconn"},
	"internal/scrape":     {"cache", "cache/cacheprom", "internal/fleet", "internal/monitor", "internal/price"},
	"internal/telemetry":  {"internal/layers"},
	"internal/openaiapi":  {"", "internal/answer", "internal/layers", "internal/price", "internal/schema"},
	"internal/dashboard":  {},
	"internal/cacheapi":   {"", "cache", "internal/eventlog", "internal/fleet", "internal/layers", "internal/monitor", "internal/price"},
}

// Packages that may import anything: the wiring, and what only tests use.
var unbound = []string{"cmd/deja", "cache/cachetest", "cache/cachetest/historycheck", "internal/demodata/generate"}

func TestImportDirection(t *testing.T) {
	for dir, imports := range ownImports(t) {
		if slices.Contains(unbound, dir) {
			continue
		}
		allowed, known := mayImport[dir]
		if !known {
			t.Errorf("%s: a new package; say in mayImport what it may import", dir)
			continue
		}
		for _, imported := range imports {
			own, ours := strings.CutPrefix(imported, module)
			if ours && !slices.Contains(allowed, strings.TrimPrefix(own, "/")) {
				t.Errorf("%s imports %s: against the direction", dir, imported)
			}
			if dir == "" && strings.Contains(imported, ".") {
				t.Errorf("the root imports %s: it is for the standard library only", imported)
			}
		}
	}
}

// TestMap: who looks for a package in ARCHITECTURE.md finds it.
func TestMap(t *testing.T) {
	b, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for dir := range ownImports(t) {
		if !strings.Contains(text, "`"+dir+"`") && !strings.Contains(text, "`"+dir+"/`") {
			t.Errorf("%s is not in the map", dir)
		}
	}
}

// TestNames keeps names that say nothing out of the house, and its rooms in
// reach: folders at most two deep under internal, files that one can read.
func TestNames(t *testing.T) {
	empty := []string{"util", "utils", "helper", "helpers", "common", "misc", "manager", "managers", "service", "services", "base", "shared"}
	for _, file := range goFiles(t) {
		parts := strings.Split(strings.TrimSuffix(file, ".go"), "/")
		for _, part := range parts {
			for word := range strings.SplitSeq(part, "_") {
				if slices.Contains(empty, word) {
					t.Errorf("%s: %q says nothing about what is inside", file, word)
				}
			}
		}
		if parts[0] == "internal" && len(parts) > 4 {
			t.Errorf("%s: more than two folders deep", file)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(b, []byte("\n")); lines > 600 {
			t.Errorf("%s: %d lines; past 600, split", file, lines)
		}
		if bytes.Contains(b, []byte("\nfunc init() {")) {
			t.Errorf("%s: no init functions", file)
		}
	}
}

// ownImports gives, for each folder of the main module, what its non-test
// files import.
func ownImports(t *testing.T) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	for _, file := range goFiles(t) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		dir := strings.TrimPrefix(path.Dir(file), ".")
		all[dir] = append(all[dir], "")[:len(all[dir])]
		for _, s := range f.Imports {
			p, err := strconv.Unquote(s.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			all[dir] = append(all[dir], p)
		}
	}
	if len(all) < 5 {
		t.Fatalf("only %d packages found", len(all))
	}
	return all
}

// goFiles gives the Go files of the main module, slash-separated.
func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bench" || d.Name() == "node_modules"):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(name, ".go"):
			files = append(files, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
