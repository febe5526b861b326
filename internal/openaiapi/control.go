package openaiapi

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/dejahq/deja/internal/answer"
)

// control reads what a request says about caching: the Cache-Control header
// and the body's cache object add up.
func control(h http.Header, o object) answer.Control {
	c := headerControl(h)
	v, ok := o.opt("cache")
	if !ok {
		return c
	}
	cache := v.object()
	cache.only("no-cache", "no-store", "max-age", "s-maxage", "only-if-cached", "stale-if-error")
	flag := func(name string, to *bool) {
		if v, ok := cache.opt(name); ok && v.boolean() {
			*to = true
		}
	}
	flag("no-cache", &c.NoCache)
	flag("no-store", &c.NoStore)
	flag("only-if-cached", &c.OnlyIfCached)
	for _, name := range []string{"max-age", "s-maxage"} {
		if v, ok := cache.opt(name); ok {
			limitAge(&c, v.integer(0, maxAge))
		}
	}
	if v, ok := cache.opt("stale-if-error"); ok {
		limitStale(&c, v.integer(0, maxAge))
	}
	return c
}

// maxAge is the highest age in seconds that can be asked for: RFC 9111 section
// 1.2.2 has caches treat more as that.
const maxAge = 1 << 31

// headerControl reads Cache-Control request directives (RFC 9111 section
// 5.2.1). What is unknown or malformed is ignored, as the RFC wants.
func headerControl(h http.Header) answer.Control {
	var c answer.Control
	for _, line := range h.Values("Cache-Control") {
		for directive := range strings.SplitSeq(line, ",") {
			name, arg, _ := strings.Cut(strings.TrimSpace(directive), "=")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "no-cache":
				c.NoCache = true
			case "no-store":
				c.NoStore = true
			case "only-if-cached":
				c.OnlyIfCached = true
			case "max-age":
				if n, ok := deltaSeconds(arg); ok {
					limitAge(&c, n)
				}
			case "stale-if-error": // RFC 5861 section 4
				if n, ok := deltaSeconds(arg); ok {
					limitStale(&c, n)
				}
			}
		}
	}
	return c
}

func deltaSeconds(arg string) (int64, bool) {
	n, err := strconv.ParseInt(strings.Trim(strings.TrimSpace(arg), `"`), 10, 64)
	return min(n, maxAge), n >= 0 && (err == nil || n > maxAge)
}

// limitStale does for stale-if-error what limitAge does for ages.
func limitStale(c *answer.Control, s int64) {
	d := time.Duration(s) * time.Second
	if c.StaleIfError == nil || d < *c.StaleIfError {
		c.StaleIfError = &d
	}
}

// limitAge sets the shortest of the ages asked for.
func limitAge(c *answer.Control, s int64) {
	age := time.Duration(s) * time.Second
	switch {
	case age == 0:
		c.NoCache = true
	case c.MaxAge == 0 || age < c.MaxAge:
		c.MaxAge = age
	}
}

// client names who asks, for answers that their assistant does not share.
// Chat completions have no thread whose answers they could reuse, so the
// client stands for it, and nothing may cross from one to another.
//
// A client is known by the credentials that it sends. Its address would be a
// worse name: many people share one behind a proxy. On a server without keys
// everybody who sends none is one tenant, as the operator has decided. Where
// one key serves many people, the body's user and safety_identifier tell them
// apart. Only a hash leaves this function.
func client(h http.Header, o object) string {
	var who [3]string
	who[0] = h.Get("Authorization")
	for i, name := range []string{"user", "safety_identifier"} {
		if v, ok := o.opt(name); ok {
			who[i+1] = v.text(0)
		}
	}
	if who == [3]string{} {
		return "anonymous"
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", who))
	return hex.EncodeToString(sum[:16])
}
