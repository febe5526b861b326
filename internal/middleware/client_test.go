package middleware

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestIdentify(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("fd00::/8")}
	for name, c := range map[string]struct {
		peer      string
		forwarded []string
		trusted   []netip.Prefix
		id        string
		loopback  bool
	}{
		"IPv4":                            {"203.0.113.7:1234", nil, nil, "ip_203.0.113.7", false},
		"IPv6 by its network":             {"[2001:db8:1:2:3:4:5:6]:1234", nil, nil, "ip_2001:db8:1:2::/64", false},
		"IPv4 in IPv6":                    {"[::ffff:203.0.113.7]:1", nil, nil, "ip_203.0.113.7", false},
		"a zone":                          {"[fe80::1%eth0]:1", nil, nil, "ip_fe80::/64", false},
		"loopback":                        {"127.0.0.1:1", nil, nil, "ip_127.0.0.1", true},
		"all of loopback":                 {"127.9.9.9:1", nil, nil, "ip_127.9.9.9", true},
		"Unix socket":                     {"@", nil, nil, "ip_local", true},
		"nobody is trusted":               {"203.0.113.7:1", []string{"198.51.100.1"}, nil, "ip_203.0.113.7", false},
		"a proxy":                         {"10.1.1.1:1", []string{"198.51.100.1"}, proxies, "ip_198.51.100.1", false},
		"two proxies":                     {"10.1.1.1:1", []string{"198.51.100.1, 10.2.2.2"}, proxies, "ip_198.51.100.1", false},
		"two headers":                     {"10.1.1.1:1", []string{"192.0.2.66", "198.51.100.1"}, proxies, "ip_198.51.100.1", false},
		"what the client made up":         {"10.1.1.1:1", []string{"192.0.2.66, 127.0.0.1, 198.51.100.1"}, proxies, "ip_198.51.100.1", false},
		"a claim to be the proxy":         {"203.0.113.7:1", []string{"10.2.2.2"}, proxies, "ip_203.0.113.7", false},
		"all are proxies":                 {"10.1.1.1:1", []string{"10.3.3.3, 10.2.2.2"}, proxies, "ip_10.3.3.3", false},
		"rubbish":                         {"10.1.1.1:1", []string{"198.51.100.1, unknown"}, proxies, "ip_10.1.1.1", false},
		"empty":                           {"10.1.1.1:1", []string{""}, proxies, "ip_10.1.1.1", false},
		"with a port":                     {"10.1.1.1:1", []string{"198.51.100.1:999"}, proxies, "ip_198.51.100.1", false},
		"IPv6 in brackets":                {"[fd00::1]:1", []string{"[2001:db8::1]:999"}, proxies, "ip_2001:db8::/64", false},
		"IPv6 bare":                       {"[fd00::1]:1", []string{"2001:db8::1"}, proxies, "ip_2001:db8::/64", false},
		"a trusted proxy on this machine": {"127.0.0.1:1", []string{"198.51.100.1"}, proxies, "ip_198.51.100.1", false},
		"another proxy on this machine":   {"127.0.0.1:1", []string{"198.51.100.1"}, nil, "ip_127.0.0.1", false},
		"loopback behind a proxy":         {"10.1.1.1:1", []string{"127.0.0.2"}, proxies, "ip_127.0.0.2", true},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		r.Header["X-Forwarded-For"] = c.forwarded
		var got Client
		Chain(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = ClientFrom(r.Context()) }), Identify(c.trusted)).
			ServeHTTP(httptest.NewRecorder(), r)
		if got != (Client{c.id, c.loopback}) {
			t.Errorf("%s: %+v, want %s, %v", name, got, c.id, c.loopback)
		}
	}
	if got := ClientFrom(t.Context()); got != (Client{}) {
		t.Errorf("without Identify: %+v", got)
	}
}

// Whatever a client sends, it can't become another's address: what counts is
// what the proxy appended.
func FuzzForwardedFor(f *testing.F) {
	f.Add("1.2.3.4")
	f.Add(", ,[::1]:5")
	f.Add("10.0.0.1, 10.0.0.2")
	f.Fuzz(func(t *testing.T, sent string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = "10.1.1.1:1"
		r.Header.Set("X-Forwarded-For", sent+", 198.51.100.1")
		if c := identify(r, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}); c.ID != "ip_198.51.100.1" || c.Loopback {
			t.Errorf("%q makes the client %+v", sent, c)
		}
		r.Header.Set("X-Forwarded-For", sent)
		if c := identify(r, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}); !strings.HasPrefix(c.ID, "ip_") || len(c.ID) > 48 {
			t.Errorf("%q makes the client %+v", sent, c)
		}
	})
}
