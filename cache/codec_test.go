package cache_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// broken is a codec that another release left behind.
type broken struct {
	cache.Text
	panics bool
}

func (c broken) Encode(string) ([]byte, error) {
	if c.panics {
		panic("no such type")
	}
	return nil, errors.New("no such type")
}

func (c broken) Decode([]byte) (string, error) {
	if c.panics {
		panic("no such field")
	}
	return "", errors.New("no such field")
}

// An entry that can't be decoded is a miss, and operators are told.
func TestUndecodableEntriesAreCounted(t *testing.T) {
	t.Parallel()
	for _, panics := range []bool{false, true} {
		t.Run(fmt.Sprint("panics ", panics), func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t)
			_, writer := member(t, srv.URL(), soft, func(_ *cache.Options, o *cache.LayerOptions[string]) { o.Codec = cache.Text{} })
			var log bytes.Buffer
			e, l := member(t, srv.URL(), soft, func(o *cache.Options, lo *cache.LayerOptions[string]) {
				o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
				lo.Codec = broken{panics: panics}
			})
			const entries = 20
			for i := range entries {
				id := fmt.Sprint(i)
				v, err := writer.Get(t.Context(), id, loads("written", cache.Fill{}))
				want(t, v, err, "written")
				if _, ok := l.Peek(t.Context(), id); ok {
					t.Fatal("decoded")
				}
			}
			if n := e.Stats().Layers[0].DecodeErrors; n != entries {
				t.Errorf("%d counted, of %d", n, entries)
			}
			e.ResetStats()
			if n := e.Stats().Layers[0].DecodeErrors; n != 0 {
				t.Errorf("%d after a reset", n)
			}
			_ = e.Close()
			if n := strings.Count(log.String(), "can't be decoded"); n == 0 || n > entries/2 || !strings.Contains(log.String(), "no such field") {
				t.Errorf("%d lines are logged:\n%s", n, log.String())
			}
		})
	}
}

// A codec that panics is not taken for a loader that does.
func TestPanickingCodecs(t *testing.T) {
	t.Parallel()
	l := layer(t, open(t, cache.Options{}), cache.LayerOptions[string]{Codec: broken{panics: true}})
	_, _, lease := l.Claim(t.Context(), "a")
	ok, err := lease.Fill(t.Context(), "v", cache.Fill{})
	if p, is := errors.AsType[*cache.PanicError](err); ok || !is || p.Of != "codec" || p.Value != "no such type" {
		t.Fatal(ok, err)
	}
	if strings.Contains(err.Error(), "loader") {
		t.Error(err)
	}
}
