package cache_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// BenchmarkGetMany compares GetMany of entries that Redis has, memory being too
// small to help, with a bare MGET of the same size and the same decoding.
func BenchmarkGetMany(b *testing.B) {
	srv := redistest.Start(b)
	doc := document{Name: "thing", Text: strings.Repeat("lorem ipsum ", 80), Tags: []string{"a", "b"}}
	e, l := benchEngine[document](b, cache.Options{
		Redis: &cache.RedisOptions{URL: srv.URL()}, MemoryBytes: 64 << 10, SoftTimeout: 5 * time.Second, HardTimeout: 5 * time.Second,
	})
	defer e.Close()
	option := srv.ClientOption()
	option.DisableCache, option.PipelineMultiplex, option.MaxFlushDelay = true, -1, 20*time.Microsecond
	bare, err := rueidis.NewClient(option)
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	encoded, _ := json.Marshal(doc)
	load := func(_ context.Context, ids []string, _ map[string]*cache.Fill) (map[string]document, error) {
		found := make(map[string]document, len(ids))
		for _, id := range ids {
			found[id] = doc
		}
		return found, nil
	}
	const stored = 20_000
	ids, keys := numbered("id", stored), numbered("bare:", stored)
	if _, err := l.GetMany(b.Context(), ids, load); err != nil {
		b.Fatal(err)
	}
	for _, key := range keys {
		if err := bare.Do(b.Context(), bare.B().Set().Key(key).Value(string(encoded)).Build()).Error(); err != nil {
			b.Fatal(err)
		}
	}
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("rueidis/ids=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i = (i + n) % stored {
				replies, err := rueidis.MGet(bare, b.Context(), keys[i:i+n])
				if err != nil {
					b.Fatal(err)
				}
				found := make(map[string]document, n)
				for key, m := range replies {
					var d document
					if err := m.DecodeJSON(&d); err != nil {
						b.Fatal(err)
					}
					found[key] = d
				}
				if len(found) != n {
					b.Fatal(len(found))
				}
			}
		})
		b.Run(fmt.Sprintf("deja/ids=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i = (i + n) % stored {
				found, err := l.GetMany(b.Context(), ids[i:i+n], load)
				if err != nil || len(found) != n {
					b.Fatal(len(found), err)
				}
			}
			if st := e.Stats().Layers[0]; st.Loads != 1 || st.MemoryHits > st.RedisHits/50 {
				b.Fatalf("not from Redis: %+v", st)
			}
		})
	}
}
