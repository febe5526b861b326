package middleware

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/dejahq/deja"
)

// GuardOptions configure Guard.
type GuardOptions struct {
	// Hosts are names, without port, under which the service is reached
	// besides localhost and addresses.
	Hosts []string

	// AnyHost switches the check of names off: for services that API keys
	// protect, since a foreign page has none.
	AnyHost bool

	// Origins are pages, such as https://example.com, that may send requests.
	Origins []string
}

// Guard protects a service that browsers on the same machine can reach from
// the pages that they show. It refuses requests that change something and come
// from a page of another origin (http.CrossOriginProtection), and requests
// that arrive over loopback under a name that is not the service's: a foreign
// page whose name was made to point to 127.0.0.1 (DNS rebinding) counts as the
// same origin, and only the name gives it away.
func Guard(o GuardOptions, refuse Refuser) (Middleware, error) {
	origins := http.NewCrossOriginProtection()
	for _, origin := range o.Origins {
		if err := origins.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("middleware: the trusted origin %q: %w", origin, err)
		}
	}
	hosts := make(map[string]bool, len(o.Hosts))
	for _, h := range o.Hosts {
		hosts[hostName(h)] = true
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := origins.Check(r); err != nil {
				refuse(w, r, deja.Wrap(deja.CodeForbidden, err, "Requests from the pages of other sites are refused."))
				return
			}
			if name := hostName(r.Host); !o.AnyHost && overLoopback(r) && !ownName(name) && !hosts[name] {
				refuse(w, r, deja.Errorf(deja.CodeForbidden,
					"The host name %.100q is not one of this service's. Add it to the allowed hosts, or protect the service with API keys.", name))
				return
			}
			next.ServeHTTP(w, r)
		})
	}, nil
}

// hostName gives a host's name in lower case, without port and final dot.
func hostName(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		hostport = host
	}
	return strings.ToLower(strings.TrimSuffix(hostport, "."))
}

// ownName reports whether no page of others can have this name.
func ownName(name string) bool {
	if name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil
}

// overLoopback reports whether the request arrived at a loopback address.
func overLoopback(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	addr, ok := parseAddr(local.String())
	return ok && addr.IsLoopback()
}
