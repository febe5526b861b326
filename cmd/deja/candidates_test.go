package main

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

func TestCandidates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		line string // words, the last to be completed
		want string
	}{
		"commands by prefix":               {"ca", "cache"},
		"nothing fits":                     {"cax", ""},
		"a group's commands":               {"cache in", "inspect invalidate"},
		"flags of a command":               {"ask --no", "--no-cache --no-store"},
		"flags of the group too":           {"cache top --s", "--server --scope"},
		"negatable flags":                  {"assistants edit x --no", "--normalize --no-normalize"},
		"a flag's values":                  {"cache top --scope ", "node fleet"},
		"a flag's values by prefix":        {"assistants create --cache th", "thread"},
		"assigned":                         {"cache top --scope=f", "--scope=fleet"},
		"assigned, as bash says it":        {"cache top --scope = f", "fleet"},
		"assigned nothing, as bash says":   {"cache top --scope =", "node fleet"},
		"behind a flag with a value":       {"cache --server http://x he", "health"},
		"behind an assigned flag":          {"cache --server=http://x he", "health"},
		"behind one that bash took apart":  {"cache --server = http://x he", "health"},
		"behind a flag without":            {"cache --json he", "health"},
		"an unknown value":                 {"cache --server ", ""},
		"files":                            {"data add asst_1 ", ":files"},
		"more files":                       {"data add asst_1 a.csv b", ":files"},
		"a file for a flag":                {"serve --data-dir x", ":files"},
		"an argument that isn't a file":    {"data add as", ""},
		"an argument's values":             {"completion ", "bash zsh fish"},
		"behind the last argument":         {"completion bash ", ""},
		"behind the end of flags":          {"ask -- --js", ""},
		"an unknown flag changes nothing":  {"cache --nonsense he", "health"},
		"a flag of another command, value": {"cache --nonsense=", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parser, err := kong.New(&commands{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range candidates(parser.Model, strings.Split(c.line, " ")) {
				got = append(got, c.word)
			}
			if d := cmp.Diff(c.want, strings.Join(got, " ")); d != "" {
				t.Error(d)
			}
		})
	}
	t.Run("no words at all", func(t *testing.T) {
		t.Parallel()
		parser, err := kong.New(&commands{})
		if err != nil {
			t.Fatal(err)
		}
		if got := candidates(parser.Model, nil); len(got) < 5 || got[0].help == "" {
			t.Errorf("%v", got)
		}
	})
}

func FuzzCandidates(f *testing.F) {
	f.Add("cache top --scope = f")
	f.Add("= = --x= -")
	parser, err := kong.New(&commands{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, c := range candidates(parser.Model, strings.Split(line, " ")) {
			if c.word == "" || strings.ContainsAny(c.word, "\t\n") {
				t.Errorf("%q", c.word)
			}
		}
	})
}
