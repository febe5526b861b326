package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// keysOf gives all keys of a server.
func keysOf(t *testing.T, srv *redistest.Server) []string {
	t.Helper()
	m, err := srv.Do("KEYS", "*")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := m.AsStrSlice()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// A user that Redis lets touch one prefix only, keys and channels, is all that
// the engine needs.
func TestEverythingIsBehindThePrefix(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithConfig("user", "house", "on", ">secret", "~pre:*", "&pre:*", "+@all", "-@admin", "-@dangerous", "+info"))
	r := cache.RedisOptions{Addrs: []string{srv.Addr()}, Username: "house", Password: "secret"}
	behind := func(o *cache.Options, _ *cache.LayerOptions[string]) { o.Prefix = "pre:" }
	_, a := node(t, "", on(r), behind, promising(cache.Acknowledged))
	_, b := node(t, "", on(r), behind, promising(cache.Acknowledged))
	settled(t, []*cache.Layer[string]{a, b})
	churn(t, []*cache.Layer[string]{a, b}, 0, 20)
	_, _, lease := a.Claim(t.Context(), "claimed", cache.InGroup("g1"))
	if ok, err := lease.Publish(t.Context(), []byte("piece")); !ok || err != nil {
		t.Fatal(ok, err)
	}
	for piece, err := range b.Follow(t.Context(), "claimed") {
		if err != nil {
			t.Fatal(err)
		}
		if len(piece.Piece) > 0 {
			break
		}
	}
	keys := keysOf(t, srv)
	for _, want := range []string{"pre:{pre:thing:claimed}:lease", "pre:{pre:thing:claimed}:live", "pre:{pre:thing:x1}:floor", "pre:{fleet}:nodes", "pre:gen:g1"} {
		found := false
		for _, k := range keys {
			found = found || k == want
			if !strings.HasPrefix(k, "pre:") {
				t.Errorf("outside the prefix: %s", k)
			}
		}
		if !found {
			t.Errorf("%s is not among %v", want, keys)
		}
	}
	filled, err := lease.Fill(t.Context(), "v", cache.Fill{})
	want(t, filled, err, true)
}

// Anybody may ask for what isn't there: that must not leave much behind.
func TestUnknownIDsLeaveNothingForLong(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL(), func(_ *cache.Options, o *cache.LayerOptions[string]) {
		o.NegativeTTL, o.TTL = 10*time.Second, 24*time.Hour
	})
	ttl := func(key string) time.Duration {
		m, err := srv.Do("PTTL", key)
		ms, err2 := m.AsInt64()
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		return time.Duration(ms) * time.Millisecond
	}
	for i := range 20 {
		id := fmt.Sprint("nobody", i)
		_, err := a.Get(t.Context(), id, func(context.Context, *cache.Fill) (string, error) { return "", cache.ErrNotFound }, cache.InGroup(id))
		if !errors.Is(err, cache.ErrNotFound) {
			t.Fatal(err)
		}
		if d := ttl("gen:" + id); d <= 0 || d > time.Hour {
			t.Fatalf("the generation of a group without entries lasts %v", d)
		}
	}
	// Where there is an entry, its generations outlive it.
	var s source
	s.set("x", "v", 1)
	v, err := a.Get(t.Context(), "x", s.load("x"), cache.InGroup("g"))
	want(t, v, err, "v")
	if g, x := ttl("gen:g"), ttl("thing:x"); g < x || x < 12*time.Hour {
		t.Fatalf("the generation lasts %v, its entry %v", g, x)
	}
	for i := int64(1); i < 4; i++ { // and so does the one after an invalidation
		if _, err := a.Engine().InvalidateGroup(t.Context(), "g"); err != nil {
			t.Fatal(err)
		}
		s.set("x", fmt.Sprint(i), i+1)
		v, err := a.Get(t.Context(), "x", s.load("x"), cache.InGroup("g"))
		want(t, v, err, fmt.Sprint(i))
		if i == 2 {
			ok, _, err := a.Replace(t.Context(), "x", i+1, i+2, "replaced", cache.InGroup("g"))
			want(t, ok, err, true)
		}
		if g, x := ttl("gen:g"), ttl("thing:x"); g < x {
			t.Fatalf("the generation lasts %v, its entry %v", g, x)
		}
	}
}
