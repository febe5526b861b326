package middleware

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

func guarded(t *testing.T, o GuardOptions) func(method, host, arrivedAt string, header ...string) int {
	t.Helper()
	guard, err := Guard(o, refuse)
	if err != nil {
		t.Fatal(err)
	}
	h := guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	return func(method, host, arrivedAt string, header ...string) int {
		r := httptest.NewRequest(method, "/v1/assistants", nil)
		r.Host = host
		if arrivedAt != "" {
			addr, err := net.ResolveTCPAddr("tcp", arrivedAt)
			if err != nil {
				t.Fatal(err)
			}
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, addr))
		}
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
}

// A name that was made to point to this machine is refused, for reads too:
// to the browser, the foreign page and the service are one origin.
func TestHostNames(t *testing.T) {
	t.Parallel()
	const loopback = "127.0.0.1:8787"
	ask := guarded(t, GuardOptions{Hosts: []string{"Deja.example.com"}})
	for _, c := range []struct {
		host, arrivedAt string
		want            int
	}{
		{"localhost:8787", loopback, 200},
		{"LOCALHOST", loopback, 200},
		{"app.localhost:8787", loopback, 200},
		{"127.0.0.1:8787", loopback, 200},
		{"[::1]:8787", "[::1]:8787", 200},
		{"[::1]", "[::1]:8787", 200},
		{"192.168.1.5:8787", loopback, 200},
		{"deja.example.com", loopback, 200},
		{"deja.example.com.:443", loopback, 200},
		{"evil.example", loopback, 403},
		{"evil.example:8787", "[::1]:8787", 403},
		{"localhost.evil.example", loopback, 403},
		{"127.0.0.1.evil.example", loopback, 403},
		{"evil.example", "192.168.1.5:8787", 200}, // reached from elsewhere, by whatever name it has there
		{"evil.example", "", 200},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if got := ask(method, c.host, c.arrivedAt); got != c.want {
				t.Errorf("%s of %s over %s: %d, want %d", method, c.host, c.arrivedAt, got, c.want)
			}
		}
	}
	if got := guarded(t, GuardOptions{AnyHost: true})(http.MethodGet, "evil.example", loopback); got != 200 {
		t.Errorf("with any host allowed: %d", got)
	}
}

func TestCrossOriginRequests(t *testing.T) {
	t.Parallel()
	ask := guarded(t, GuardOptions{AnyHost: true, Origins: []string{"https://app.example.com"}})
	for _, c := range []struct {
		method string
		header []string
		want   int
	}{
		{"POST", nil, 200}, // curl and SDKs
		{"POST", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://deja.test"}, 200},
		{"POST", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		{"POST", []string{"Sec-Fetch-Site", "same-site", "Origin", "http://other.test"}, 403},
		{"DELETE", []string{"Origin", "https://evil.example"}, 403},
		{"POST", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://app.example.com"}, 200},
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 200}, // can't read the answer
	} {
		if got := ask(c.method, "deja.test", "127.0.0.1:1", c.header...); got != c.want {
			t.Errorf("%s with %v: %d, want %d", c.method, c.header, got, c.want)
		}
	}
	if _, err := Guard(GuardOptions{Origins: []string{"no origin"}}, refuse); err == nil {
		t.Error("an origin that is none is taken")
	}
}
