package middleware

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/dejahq/deja/ratelimit"
)

// Client is who sent a request.
type Client struct {
	// ID tells clients apart: a digest of the API key, or else the address
	// (see ratelimit.Secret and ratelimit.Addr).
	ID string

	// Loopback is set for a program on this machine that connects directly.
	Loopback bool
}

// ClientFrom gives the client of the context's request; the zero Client when
// Identify was not there.
func ClientFrom(ctx context.Context) Client {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x.client
	}
	return Client{}
}

// Identify finds out the client's address. X-Forwarded-For is believed only as
// far as trusted proxies wrote it: read from the right, the first address that
// is not theirs is the client's.
func Identify(trusted []netip.Prefix) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x, w, r := exchangeOf(w, r)
			x.client = identify(r, trusted)
			next.ServeHTTP(w, r)
		})
	}
}

func identify(r *http.Request, trusted []netip.Prefix) Client {
	peer, ok := parseAddr(r.RemoteAddr)
	if !ok {
		// Such as a connection over a Unix socket: whoever can open that is local.
		return Client{ID: "ip_local", Loopback: !forwarded(r.Header)}
	}
	addr := peer
	for hops := hops(r.Header); trusts(trusted, addr) && len(hops) > 0; hops = hops[:len(hops)-1] {
		next, ok := parseAddr(hops[len(hops)-1])
		if !ok {
			break // what is left of this was not written by a proxy
		}
		addr = next
	}
	return Client{
		ID: ratelimit.Addr(addr),
		// What a proxy on this machine forwards comes from elsewhere, even if
		// nobody said that the proxy is to be trusted.
		Loopback: addr.IsLoopback() && (addr != peer || !forwarded(r.Header)),
	}
}

// hops gives the entries of all X-Forwarded-For headers, the nearest last.
func hops(h http.Header) []string {
	values := h.Values("X-Forwarded-For")
	if len(values) == 0 {
		return nil
	}
	return strings.Split(strings.Join(values, ","), ",")
}

func forwarded(h http.Header) bool {
	return h.Get("X-Forwarded-For") != "" || h.Get("Forwarded") != "" || h.Get("X-Real-Ip") != ""
}

func trusts(trusted []netip.Prefix, addr netip.Addr) bool {
	for _, p := range trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// parseAddr reads an address with or without a port or brackets.
func parseAddr(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}, false
	}
	return addr.Unmap().WithZone(""), true
}
