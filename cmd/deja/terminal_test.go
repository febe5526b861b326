package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dejahq/deja/client"
)

// TestScreen: what others have written cannot steer a terminal, by whichever
// way it gets there.
func TestScreen(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain\tand\nsimple, with ümläuts and 漢字 ✓\r\n": "plain\tand\nsimple, with ümläuts and 漢字 ✓\n",
		"\x1b]0;a title\x07":                 "\ufffd]0;a title\ufffd",
		"\x1b[2J":                            "\ufffd[2J",
		"\u009b2J, and in eight bits \x9b2J": "\ufffd2J, and in eight bits \ufffd2J",
		"back\b\x7f":                         "back\ufffd\ufffd",
		"over\rwritten":                      "overwritten",
	} {
		f, err := os.Create(filepath.Join(t.TempDir(), "screen"))
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.WriteString(screen{f}, text)
		if err != nil || n != len(text) {
			t.Errorf("%q: %d of %d, %v", text, n, len(text), err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(f.Name())
		if err != nil || string(got) != want {
			t.Errorf("%q is shown as %q, %v", text, got, err)
		}
	}
	if f := os.Stdin; raw(screen{f}) != io.Writer(f) || raw(io.Discard) != io.Discard {
		t.Error("what is behind it is something else")
	}
}

// TestTopSteersTheScreen, and nothing that it shows does.
func TestTopSteersTheScreen(t *testing.T) {
	t.Parallel()
	m := &client.Metrics{}
	m.Hot.Keys = []client.HotKey{{Key: "schema:\x1b[31mred", Count: 7}}
	var out bytes.Buffer
	if err := (&cacheTopCmd{Keys: 10}).frame(&out, m, nil, true); err != nil {
		t.Fatal(err)
	}
	rest, ok := strings.CutPrefix(out.String(), clearScreen)
	if !ok || strings.Contains(rest, "\x1b") || !strings.Contains(rest, "schema:\ufffd[31mred") {
		t.Errorf("%q", out.String())
	}
}
