package cache_test

import (
	"testing"

	"github.com/redis/rueidis"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// do asks the server something that it must not refuse.
func do(t *testing.T, srv *redistest.Server, command ...string) rueidis.RedisMessage {
	t.Helper()
	m, err := srv.Do(command...)
	if err != nil {
		t.Fatal(command, err)
	}
	return m
}

// Another program has put something of another type where one of our keys
// belongs. Neither reads nor invalidations stumble over it for longer than
// once: it is removed, and Redis goes on being used.
func TestKeysOfAnotherTypeMakeRoom(t *testing.T) {
	t.Parallel()
	for key, promises := range map[string][]cache.Promise{
		"thing:x":         {cache.Bounded, cache.Strict},
		"{thing:x}:lease": {cache.Bounded},
		"{thing:x}:floor": {cache.Bounded},
		"gen:@all":        {cache.Bounded, cache.Strict},
		"gen:g":           {cache.Bounded, cache.Strict},
		"{fleet}:nodes":   {cache.Acknowledged},
		"{fleet}:log":     {cache.Acknowledged},
	} {
		for _, promise := range promises {
			t.Run(key+" "+promise.String(), func(t *testing.T) {
				t.Parallel()
				srv := redistest.Start(t)
				var h heard
				hears := func(o *cache.Options, _ *cache.LayerOptions[string]) { o.OnEvent = h.hear }
				e, a := node(t, srv.URL(), soft, promising(promise), hears)
				_, b := node(t, srv.URL(), soft, promising(promise))
				foreign := func() {
					do(t, srv, "DEL", key)
					if key == "{fleet}:log" {
						do(t, srv, "SADD", key, "foreign")
					} else {
						do(t, srv, "RPUSH", key, "foreign")
					}
				}
				told := func(r cache.Receipt, err error) {
					t.Helper()
					if err != nil || !r.Remote {
						t.Fatalf("%+v, %v", r, err)
					}
				}
				var s source
				g := cache.InGroup("g")
				shared := func(value string) {
					t.Helper()
					eventually(t, value+" is in Redis", func() bool {
						v, err := a.Get(t.Context(), "x", s.load("x"), g)
						want(t, v, err, value)
						en, ok := b.Peek(t.Context(), "x", g)
						return ok && en.Value == value && (en.Source == cache.FromRedis || en.Source == cache.FromMemory)
					})
				}
				s.set("x", "one", 1)
				foreign()
				shared("one")
				if promise == cache.Acknowledged {
					bothKnown(t, a, b)
				}

				s.set("x", "two", 2)
				foreign()
				told(a.Invalidate(t.Context(), "x", 2))
				shared("two")

				s.set("x", "three", 3)
				foreign()
				told(e.InvalidateGroup(t.Context(), "g"))
				shared("three")

				s.set("x", "four", 4)
				foreign()
				told(e.Clear(t.Context()))
				shared("four")

				s.set("x", "five", 5)
				foreign()
				_, r, err := a.Replace(t.Context(), "x", 4, 5, "five", g)
				told(r, err)
				shared("five")

				foreign()
				_, ok, lease := a.Claim(t.Context(), "y", g)
				if ok || !lease.Held() {
					t.Fatal("the claim was not granted")
				}
				if ok, err := lease.Fill(t.Context(), "filled", cache.Fill{}); !ok || err != nil {
					t.Fatal(ok, err)
				}
				if opened := h.of(cache.EventBreaker, "open"); len(opened) > 0 {
					t.Fatalf("%+v", opened)
				}
			})
		}
	}
}

// A server that is full and may not evict takes invalidations all the same:
// they take away before they put anything.
func TestAFullRedisTakesInvalidations(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	var h heard
	e, l := node(t, srv.URL(), soft, promising(cache.Acknowledged), func(o *cache.Options, _ *cache.LayerOptions[string]) { o.OnEvent = h.hear })
	var s source
	g := cache.InGroup("g")
	s.set("x", "old", 1)
	settled(t, []*cache.Layer[string]{l})
	v, err := l.Get(t.Context(), "x", s.load("x"), g)
	want(t, v, err, "old")
	do(t, srv, "CONFIG", "SET", "maxmemory-policy", "noeviction")
	do(t, srv, "CONFIG", "SET", "maxmemory", "1")
	if _, err := srv.Do("SET", "some", "thing"); err == nil {
		t.Fatal("the server is not full")
	}
	for i, invalidate := range []func() (cache.Receipt, error){
		func() (cache.Receipt, error) { return l.Invalidate(t.Context(), "x", 7) },
		func() (cache.Receipt, error) { return e.InvalidateGroup(t.Context(), "g") },
		func() (cache.Receipt, error) { return e.Clear(t.Context()) },
		func() (cache.Receipt, error) {
			_, r, err := l.Replace(t.Context(), "x", 7, 8, "new", g)
			return r, err
		},
	} {
		if r, err := invalidate(); err != nil || !r.Remote || r.Nodes != 1 || r.Acknowledged != 1 {
			t.Fatalf("%d: %+v, %v", i, r, err)
		}
	}
	m, err := srv.Do("EXISTS", "thing:x")
	if n, _ := m.AsInt64(); err != nil || n != 0 {
		t.Fatal("the old entry is there", err)
	}
	s.set("x", "new", 9)
	v, err = l.Get(t.Context(), "x", s.load("x"), g)
	want(t, v, err, "new")
	if opened := h.of(cache.EventBreaker, "open"); len(opened) > 0 {
		t.Fatalf("%+v", opened)
	}
}

// A server that refuses an invalidation for good doesn't keep Redis from being
// used for good: everything is invalidated instead.
func TestARefusedInvalidationInvalidatesEverything(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithConfig("rename-command", "DEL", ""))
	var h heard
	e, l := node(t, srv.URL(), soft, func(o *cache.Options, _ *cache.LayerOptions[string]) { o.OnEvent = h.hear })
	generation := func() string {
		m := do(t, srv, "GET", "gen:@all")
		s, err := m.ToString()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	_, _ = l.Peek(t.Context(), "x")
	for range 3 {
		before, opened := generation(), len(h.of(cache.EventBreaker, "open"))
		if r, err := l.Invalidate(t.Context(), "x", 7); err != nil || r.Remote || !r.Queued {
			t.Fatalf("%+v, %v", r, err)
		}
		eventually(t, "Redis is used again", func() bool {
			return len(h.of(cache.EventBreaker, "open")) > opened && e.Breaker() == "closed"
		})
		if after := generation(); after == before {
			t.Fatalf("nothing was invalidated instead: %s", before)
		}
	}
}
