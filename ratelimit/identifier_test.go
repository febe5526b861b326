package ratelimit

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
)

func limiterFor(t testing.TB, o Options) *Limiter {
	t.Helper()
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestKeyNames(t *testing.T) {
	t.Parallel()
	digest := regexp.MustCompile(`^rate_limit:(h|key)_[a-z2-7]{26}:60$`)
	minute := limiterFor(t, Options{Limit: 1})
	for id, want := range map[string]string{
		"ip_10.0.0.1":                            "rate_limit:ip_10.0.0.1:60",
		Addr(netip.MustParseAddr("10.0.0.1")):    "rate_limit:ip_10.0.0.1:60",
		"user_42":                                "rate_limit:user_42:60",
		"b9e1c3a4-0f6f-4a57-9d0a-3f4f1f7f7a10":   "rate_limit:b9e1c3a4-0f6f-4a57-9d0a-3f4f1f7f7a10:60",
		Addr(netip.MustParseAddr("2001:db8::1")): "rate_limit:ip_2001:db8::/64:60",
	} {
		if got := minute.Key(id); got != want {
			t.Errorf("Key(%q) = %q, want %q", id, got, want)
		}
	}
	for _, id := range []string{
		"sk-proj-ThisIsNotARealKeyAtAll0123456789",
		Secret("sk-proj-ThisIsNotARealKeyAtAll0123456789"),
		"Bearer x", "a b", "a\nb", "{a}", "ü", "a*", "h_a", "key_a", strings.Repeat("a.", 25),
		"h_aaaaaaaaaaaaaaaaaaaaaaaaaa", // as a digest looks, but nobody's
	} {
		got := minute.Key(id)
		if !digest.MatchString(got) {
			t.Errorf("Key(%q) = %q, want a digest", id, got)
		}
		if !strings.HasPrefix(id, secretMark) && strings.Contains(got, id) {
			t.Errorf("Key(%q) = %q shows the identifier", id, got)
		}
	}
	if got := minute.Key(Secret("x")); got != "rate_limit:"+Secret("x")+":60" {
		t.Errorf("a digest is digested again: %q", got)
	}
	for window, name := range map[time.Duration]string{
		time.Second: "1", time.Hour: "3600", 1500 * time.Millisecond: "1500ms", time.Millisecond: "1ms",
	} {
		l := limiterFor(t, Options{Limit: 1, Window: window, Prefix: "app:"})
		if got, want := l.Key("a"), "app:rate_limit:a:"+name; got != want {
			t.Errorf("with a window of %v Key = %q, want %q", window, got, want)
		}
	}
}

func TestAddrPutsOneClientTogether(t *testing.T) {
	t.Parallel()
	for a, b := range map[string]string{
		"::ffff:10.0.0.1":    "10.0.0.1",
		"2001:db8:1:2::1":    "2001:db8:1:2:ffff::9",
		"fe80::1%eth0":       "fe80::2",
		"2001:db8:1:2::1%lo": "2001:db8:1:2::",
	} {
		if x, y := Addr(netip.MustParseAddr(a)), Addr(netip.MustParseAddr(b)); x != y {
			t.Errorf("%s and %s are %q and %q", a, b, x, y)
		}
	}
	if Addr(netip.MustParseAddr("2001:db8:1:2::1")) == Addr(netip.MustParseAddr("2001:db8:1:3::1")) {
		t.Error("two networks share an identifier")
	}
}

func FuzzKey(f *testing.F) {
	for _, id := range []string{"", "ip_10.0.0.1", "sk-abc", "key_", "h_", "a:60", "{x}", "ip_2001:db8::/64", "\x00", Secret("s")} {
		f.Add(id, "other")
		f.Add(id, id+":60")
	}
	l := limiterFor(f, Options{Limit: 1, Prefix: "p:"})
	safe := regexp.MustCompile(`^p:rate_limit:[A-Za-z0-9._:/-]{1,48}:60$`)
	run := regexp.MustCompile(`[A-Za-z0-9]{17}`)
	f.Fuzz(func(t *testing.T, a, b string) {
		ka, kb := l.Key(a), l.Key(b)
		if !safe.MatchString(ka) {
			t.Errorf("Key(%q) = %q", a, ka)
		}
		if (ka == kb) != (a == b) {
			t.Errorf("Key(%q) = %q, Key(%q) = %q", a, ka, b, kb)
		}
		if run.MatchString(a) && !isSecretID(a) && strings.Contains(ka, a) {
			t.Errorf("Key(%q) = %q shows what may be a secret", a, ka)
		}
		if s := Secret(a); l.Key(s) != "p:rate_limit:"+s+":60" || (Secret(b) == s) != (a == b) {
			t.Errorf("Secret(%q) = %q", a, s)
		}
	})
}
