// Command rivals does the same work with deja's cache and with the libraries
// that one would use instead, on a redis-server that it starts, and writes what
// it saw as Markdown:
//
//	cd bench && go run ./cmd/rivals -out RESULTS.md
//
// It takes about five minutes; -quick takes less, with less to rely on.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/dejahq/deja/bench/measure"
	"github.com/dejahq/deja/internal/redistest"
)

func main() {
	testing.Init()
	out := flag.String("out", "", "file to write; default standard output")
	quick := flag.Bool("quick", false, "shorter runs")
	only := flag.String("only", "", "one part: memory, redis, stampede, storm, ratio, encoding or compression")
	data := flag.String("data", "../../shared/data/keys", "folder with the key traces; texts and tables are beside it")
	flag.Parse()
	h := new(host)
	err := run(h, *out, *quick, *only, *data)
	h.close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "rivals:", err)
		os.Exit(1)
	}
}

func run(h *host, out string, quick bool, only, data string) error {
	o := measure.Options{Length: 400 * time.Millisecond, Rounds: 6, Data: data}
	benchTime := "200ms"
	if quick {
		o.Rounds, benchTime = 2, "100ms"
	}
	if err := flag.Set("test.benchtime", benchTime); err != nil {
		return err
	}
	o.Redis = redistest.Start(h).Addr()

	var b bytes.Buffer
	heading(&b, quick)
	for _, part := range []struct {
		name    string
		measure func(measure.Options) (measure.Section, error)
	}{
		{"memory", measure.MemoryHits},
		{"redis", measure.RedisHits},
		{"stampede", measure.Stampede},
		{"storm", measure.Storm},
		{"ratio", measure.HitRatios},
		{"encoding", measure.JSON},
		{"compression", measure.Compression},
	} {
		if only != "" && only != part.name {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring", part.name)
		s, err := part.measure(o)
		if errors.Is(err, measure.ErrNoData) {
			fmt.Fprintf(&b, "\n## %s\n\nNot measured: the data for it is not on this machine.\n", s.Title)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		table(&b, s)
	}
	if out == "" {
		_, err := io.Copy(os.Stdout, &b)
		return err
	}
	return os.WriteFile(out, b.Bytes(), 0o644)
}

// host lets redistest start servers outside a test.
type host struct{ cleanups []func() }

func (h *host) Helper()                   {}
func (h *host) Logf(f string, a ...any)   { fmt.Fprintf(os.Stderr, f+"\n", a...) }
func (h *host) Cleanup(f func())          { h.cleanups = append(h.cleanups, f) }
func (h *host) Fatalf(f string, a ...any) { h.Logf(f, a...); h.close(); os.Exit(1) }
func (h *host) close() {
	for len(h.cleanups) > 0 {
		last := len(h.cleanups) - 1
		f := h.cleanups[last]
		h.cleanups = h.cleanups[:last]
		f()
	}
}

func (h *host) TempDir() string {
	dir, err := os.MkdirTemp("", "rivals")
	if err != nil {
		h.Fatalf("%v", err)
	}
	h.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
