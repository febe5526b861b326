package cache_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// What the package documentation says under "The fine print".

// Two releases with different versions of a layer never decode each other's
// entries, and keep pushing them out: each load of one costs one of the other.
func TestTwoReleasesOfALayer(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	release := func(v uint16) func(*cache.Options, *cache.LayerOptions[string]) {
		return func(_ *cache.Options, o *cache.LayerOptions[string]) { o.Version = v }
	}
	_, old := node(t, srv.URL(), soft, release(1))
	_, next := node(t, srv.URL(), soft, release(2))
	load := func(v string) cache.Loader[string] {
		return func(context.Context, *cache.Fill) (string, error) { return v, nil }
	}
	v, err := old.Get(t.Context(), "x", load("as of old"))
	want(t, v, err, "as of old")
	for range 3 {
		for _, r := range []struct {
			layer *cache.Layer[string]
			own   string
		}{{next, "as of next"}, {old, "as of old"}} {
			eventually(t, "the entry of the other is a miss", func() bool {
				en, err := r.layer.Lookup(t.Context(), "x", load(r.own))
				if err != nil || en.Value != r.own {
					t.Errorf("%q, %v; want %q", en.Value, err, r.own)
				}
				return en.Source == cache.FromLoad // and it takes the other's place
			})
		}
	}
}

type partlyKept struct {
	Kept string
	Lost string `json:"-"`
}

func TestMemoryGivesWhatWasLoadedAndRedisWhatTheCodecReads(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	loaded := partlyKept{Kept: "k", Lost: "l"}
	load := func(context.Context, *cache.Fill) (partlyKept, error) { return loaded, nil }
	var nodes []*cache.Layer[partlyKept]
	for range 2 {
		e, _ := node(t, srv.URL(), soft)
		l, err := cache.NewLayer(e, cache.LayerOptions[partlyKept]{Name: "partly", TTL: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, l)
	}
	for _, c := range []struct {
		layer  *cache.Layer[partlyKept]
		source cache.Source
		value  partlyKept
	}{
		{nodes[0], cache.FromLoad, loaded},
		{nodes[0], cache.FromMemory, loaded},
		{nodes[1], cache.FromRedis, partlyKept{Kept: "k"}},
	} {
		en, err := c.layer.Lookup(t.Context(), "x", load)
		want(t, en.Source, err, c.source)
		want(t, en.Value, err, c.value)
	}
}

// A value that the codec refuses is given to who asked, and to nobody else:
// without Redis, too, where it would not have to be encoded. It is logged and
// counted.
func TestValuesThatTheCodecRefuses(t *testing.T) {
	t.Parallel()
	var log lockedText
	e := open(t, cache.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	l, err := cache.NewLayer(e, cache.LayerOptions[func() string]{Name: "functions", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		f, err := l.Get(t.Context(), "x", func(context.Context, *cache.Fill) (func() string, error) {
			return func() string { return "called" }, nil
		})
		want(t, f(), err, "called")
	}
	if s := e.Stats().Layers[0]; s.Loads != 3 || s.FillsRefused != 3 || s.Fills != 0 {
		t.Errorf("%+v", s)
	}
	if s := log.String(); !strings.Contains(s, "functions:x") || !strings.Contains(s, "unsupported type") {
		t.Errorf("logged: %s", s)
	}
}

// lockedText is what several goroutines write.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestErrorsOfAnEndedContextAreItsCause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{})
		why := errors.New("the user has gone home")
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel(why)
		}()
		load := func(ctx context.Context, _ *cache.Fill) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}
		for range 2 { // one that waits when it ends, one that comes later
			if _, err := l.Get(ctx, "x", load); !errors.Is(err, why) {
				t.Error(err)
			}
		}
		_ = e.Close()
	})
}

func TestALoaderThatGetsItsOwnKeyWaitsForItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{LoadTimeout: time.Minute})
		var load cache.Loader[string]
		load = func(ctx context.Context, _ *cache.Fill) (string, error) { return l.Get(ctx, "x", load) }
		began := time.Now()
		_, err := l.Get(t.Context(), "x", load)
		if took := time.Since(began); took != time.Minute || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v after %v", err, took)
		}
		_ = e.Close()
	})
}

func TestARefreshInTheBackgroundOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, cache.Options{})
		l := layer(t, e, cache.LayerOptions[string]{TTL: time.Minute, StaleFor: time.Hour, Jitter: -1, LoadTimeout: 10 * time.Second})
		v, err := l.Get(t.Context(), "x", func(context.Context, *cache.Fill) (string, error) { return "one", nil })
		want(t, v, err, "one")
		for ends, value := range map[time.Duration]string{time.Second: "two", time.Hour: "never"} {
			time.Sleep(2 * time.Minute)
			var took atomic.Int64
			ctx, cancel := context.WithCancel(t.Context())
			_, err = l.Get(ctx, "x", func(ctx context.Context, _ *cache.Fill) (string, error) {
				began := time.Now()
				defer func() { took.Store(int64(time.Since(began))) }()
				select {
				case <-time.After(ends):
					return value, nil
				case <-ctx.Done():
					return "", ctx.Err()
				}
			})
			cancel()
			if err != nil {
				t.Error(err)
			}
			time.Sleep(30 * time.Second)
			if got, want := time.Duration(took.Load()), min(ends, 10*time.Second); got != want {
				t.Errorf("the refresh ended after %v, not %v", got, want)
			}
		}
		_ = e.Close()
	})
}
