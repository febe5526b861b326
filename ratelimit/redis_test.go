package ratelimit

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/dejahq/deja/internal/redistest"
)

const patience = 30 * time.Second

// eventually looks at check until it gives nil.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.After(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatal(err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// overRedis gives a limiter that has had contact.
func overRedis(t testing.TB, s *redistest.Server, o Options) *Limiter {
	t.Helper()
	o.Redis = &RedisOptions{URL: s.URL(), TLS: s.TLS()}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second // tests of outages say otherwise
	}
	l := limiterFor(t, o)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := l.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	return l
}

func number(t *testing.T, s *redistest.Server, command ...string) int64 {
	t.Helper()
	msg, err := s.Do(command...)
	if rueidis.IsRedisNil(err) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	n, err := msg.AsInt64()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func do(t *testing.T, s *redistest.Server, command ...string) {
	t.Helper()
	if _, err := s.Do(command...); err != nil {
		t.Fatal(err)
	}
}

func TestNodesTogetherAllowExactlyTheLimit(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	const limit, nodes, callers, each = 1000, 4, 8, 100
	var allowed, spent atomic.Int64
	var all sync.WaitGroup
	for range nodes {
		l := overRedis(t, s, Options{Limit: limit, Window: time.Hour})
		for c := range callers {
			all.Go(func() {
				for i := range each {
					cost := int64(1 + (c+i)%2)
					r, err := l.Allow(t.Context(), "a", cost)
					if err != nil || r.Source != FromRedis {
						t.Errorf("%+v, %v", r, err)
						return
					}
					if r.Allowed {
						allowed.Add(1)
						spent.Add(cost)
					}
				}
			})
		}
	}
	all.Wait()
	if n := spent.Load(); n != limit {
		t.Errorf("%d was spent, want %d", n, limit)
	}
	if n := number(t, s, "GET", "rate_limit:a:3600"); n != limit {
		t.Errorf("Redis counts %d, want %d", n, limit)
	}
	if n := allowed.Load(); n < limit/2 || n >= limit {
		t.Errorf("%d requests of cost 1 and 2 were allowed", n)
	}
}

func TestTrafficNeverProlongsTheWindowInRedis(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	l := overRedis(t, s, Options{Limit: 50, Window: 2 * time.Second, Prefix: "app:"})
	key := l.Key("ip_10.0.0.1")
	if key != "app:rate_limit:ip_10.0.0.1:2" {
		t.Fatalf("key %q", key)
	}
	if r := allow(t, l, "ip_10.0.0.1", 1); !r.Allowed || r.Remaining != 49 || r.ResetAfter > 2*time.Second || r.ResetAfter < time.Second {
		t.Fatalf("the first request: %+v", r)
	}
	ends := number(t, s, "PEXPIRETIME", key)
	refused := 0
	for number(t, s, "EXISTS", key) == 1 { // the window ends under constant traffic
		r := allow(t, l, "ip_10.0.0.1", 1)
		if !r.Allowed {
			refused++
			if r.RetryAfter <= 0 || r.RetryAfter > 2*time.Second || r.RetryAfter != r.ResetAfter || r.Remaining != 0 {
				t.Errorf("a refused request: %+v", r)
			}
		}
		if now := number(t, s, "PEXPIRETIME", key); now > ends && r.Remaining != 49 {
			t.Fatalf("the window's end moved by %d ms", now-ends)
		} else if now > ends {
			break // this request opened the next window
		}
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
	if r := allow(t, l, "ip_10.0.0.1", 1); !r.Allowed {
		t.Errorf("in the next window: %+v", r)
	}
}

func TestBrokenKeysAreHealed(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	l := overRedis(t, s, Options{Limit: 10})
	for name, tc := range map[string]struct {
		command   []string
		remaining int64
	}{
		"no expiry":    {[]string{"SET", "rate_limit:%s:60", "4"}, 5},
		"too long":     {[]string{"SET", "rate_limit:%s:60", "4", "EX", "9999"}, 5},
		"no number":    {[]string{"SET", "rate_limit:%s:60", "x"}, 9},
		"fraction":     {[]string{"SET", "rate_limit:%s:60", "1.5"}, 9},
		"negative":     {[]string{"SET", "rate_limit:%s:60", "-100"}, 9},
		"another type": {[]string{"LPUSH", "rate_limit:%s:60", "x"}, 9},
	} {
		id := strconv.Itoa(len(name)) + "." + name[:2]
		key := l.Key(id)
		tc.command[1] = key
		do(t, s, tc.command...)
		if r := allow(t, l, id, 1); r.Source != FromRedis || !r.Allowed || r.Remaining != tc.remaining {
			t.Errorf("%s: %+v, want %d remaining", name, r, tc.remaining)
		}
		if left := number(t, s, "PTTL", key); left <= 0 || left > 60_000 {
			t.Errorf("%s: the key lives %d ms", name, left)
		}
	}
	// A client that was shut out for good is let in again, too.
	do(t, s, "SET", l.Key("stuck"), "99999999999999999999")
	if r := allow(t, l, "stuck", 1); r.Allowed || r.Remaining != 0 || r.RetryAfter > time.Minute {
		t.Errorf("over the limit without expiry: %+v", r)
	}
	if left := number(t, s, "PTTL", l.Key("stuck")); left <= 0 || left > 60_000 {
		t.Errorf("over the limit the key lives %d ms", left)
	}
}

func TestAFlushOfScriptsIsNotNoticed(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	l := overRedis(t, s, Options{Limit: 10})
	allow(t, l, "a", 1)
	do(t, s, "SCRIPT", "FLUSH")
	if r := allow(t, l, "a", 1); r.Source != FromRedis || r.Remaining != 8 {
		t.Errorf("after SCRIPT FLUSH: %+v", r)
	}
}

// backInRedis waits until the limiter counts in Redis.
func backInRedis(t *testing.T, l *Limiter) {
	t.Helper()
	eventually(t, func() error {
		if r := allow(t, l, "probe", 1); r.Source != FromRedis {
			return fmt.Errorf("still decided locally: %+v", r)
		}
		return nil
	})
}

func TestAKilledRedisCostsNoRequest(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	const timeout = 10 * time.Second
	l := overRedis(t, s, Options{Limit: 1000, Timeout: timeout})
	backInRedis(t, l)
	for range 5 {
		allow(t, l, "a", 100)
	}
	s.Kill()
	began := time.Now()
	for i := range 5 { // goes on from what Redis said
		if r := allow(t, l, "a", 100); !r.Allowed || r.Source != FromLocal || r.Remaining != int64(400-100*i) {
			t.Errorf("request %d without Redis: %+v", i, r)
		}
	}
	if r := allow(t, l, "a", 1); r.Allowed {
		t.Errorf("over the limit without Redis: %+v", r)
	}
	if took := time.Since(began); took > timeout {
		t.Errorf("6 requests without Redis took %v", took)
	}
	s.Restart()
	backInRedis(t, l)
}

func TestAHungRedisDelaysOnlyWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	const timeout = 500 * time.Millisecond
	s := redistest.Start(t)
	l := overRedis(t, s, Options{Limit: 1e6, Window: time.Hour, Timeout: timeout})
	backInRedis(t, l)
	s.Pause()
	var waited atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 200 {
				began := time.Now()
				r, err := l.Allow(t.Context(), "a", 1)
				if err != nil || !r.Allowed || r.Source != FromLocal {
					t.Errorf("%+v, %v", r, err)
					return
				}
				took := time.Since(began)
				if took > 8*timeout {
					t.Errorf("a request took %v", took)
				}
				if took >= timeout {
					waited.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := waited.Load(); n == 0 || n > 40 {
		t.Errorf("%d of 4000 requests waited, want those under way", n)
	}
	s.Resume()
	backInRedis(t, l)
}

func TestAHalfOpenConnectionIsLeft(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	p := redistest.NewProxy(t, s.Addr())
	l := limiterFor(t, Options{Limit: 1e6, Redis: &RedisOptions{Addrs: []string{p.Addr()}}, Timeout: 100 * time.Millisecond})
	backInRedis(t, l)
	p.Blackhole()
	if r := allow(t, l, "a", 1); r.Source != FromLocal || !r.Allowed {
		t.Errorf("through a black hole: %+v", r)
	}
	p.Heal()
	backInRedis(t, l)
	p.Refuse()
	if r := allow(t, l, "a", 1); r.Source != FromLocal || !r.Allowed {
		t.Errorf("refused: %+v", r)
	}
	p.Heal()
	backInRedis(t, l)
}

func TestARedisThatRefusesToWriteIsAway(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	l := overRedis(t, s, Options{Limit: 1e6})
	backInRedis(t, l)
	do(t, s, "CONFIG", "SET", "maxmemory", "1")
	if r := allow(t, l, "a", 1); r.Source != FromLocal || !r.Allowed {
		t.Errorf("with a full Redis: %+v", r)
	}
	do(t, s, "CONFIG", "SET", "maxmemory", "0")
	backInRedis(t, l)
}

func TestWithoutContactEachNodeLimitsByItself(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	s.Kill()
	l := limiterFor(t, Options{Limit: 2, Redis: &RedisOptions{URL: s.URL()}})
	for i, want := range []bool{true, true, false} {
		if r := allow(t, l, "a", 1); r.Allowed != want || r.Source != FromLocal {
			t.Errorf("request %d: %+v", i, r)
		}
	}
	s.Restart()
	backInRedis(t, l)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	if r := allow(t, l, "a", 1); r.Source != FromLocal || r.Allowed {
		t.Errorf("after Close: %+v", r)
	}
}

func TestOnAClusterThatLosesAMaster(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t)
	l := limiterFor(t, Options{Limit: 3, Window: time.Hour, Redis: &RedisOptions{Addrs: c.Addrs()}, Timeout: 5 * time.Second})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := l.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	for i := range 30 { // over all slots
		id := "client_" + strconv.Itoa(i)
		for n, want := range []bool{true, true, true, false} {
			if r := allow(t, l, id, 1); r.Allowed != want || r.Source != FromRedis {
				t.Errorf("%s, request %d: %+v", id, n, r)
			}
		}
	}
	c.KillMaster(l.Key("client_0"))
	eventually(t, func() error {
		r := allow(t, l, "client_0", 1)
		if r.Allowed {
			t.Fatalf("a client at its limit is let in: %+v", r)
		}
		if r.Source != FromRedis {
			return fmt.Errorf("still decided locally: %+v", r)
		}
		return nil
	})
}
