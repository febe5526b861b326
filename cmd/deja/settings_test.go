package main

import (
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestEverySettingIsInTheReadme: each flag of the server stands there in one
// line with its variable and its default.
func TestEverySettingIsInTheReadme(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		config `embed:""`
	}
	parser, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range parser.Model.Flags {
		if f.Name == "help" {
			continue
		}
		if len(f.Envs) != 1 {
			t.Errorf("--%s has the variables %v", f.Name, f.Envs)
			continue
		}
		row := ""
		for line := range strings.Lines(string(b)) {
			if strings.HasPrefix(line, "| `"+f.Envs[0]+"` | `--"+f.Name+"` |") {
				row = line
			}
		}
		if row == "" {
			t.Errorf("--%s and %s are not among the settings", f.Name, f.Envs[0])
		} else if f.Default != "" && !strings.Contains(row, "| `"+f.Default+"` |") {
			t.Errorf("--%s has the default %s; the table says %s", f.Name, f.Default, row)
		}
	}
}
