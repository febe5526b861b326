package middleware

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/ratelimit"
)

// Authenticate lets only requests through that have one of the keys as bearer
// token (RFC 6750), and makes the key the client's identity. Without keys,
// everything is let through. The time it takes tells nothing about the keys. An
// address that is wrong too often is refused for a while. It needs Identify
// before it.
func Authenticate(keys []deja.Secret, guesses *Guesses, refuse Refuser) Middleware {
	known := make([][sha256.Size]byte, 0, len(keys))
	for _, k := range keys {
		if !k.IsZero() {
			known = append(known, sha256.Sum256([]byte(k.Reveal())))
		}
	}
	return func(next http.Handler) http.Handler {
		if len(known) == 0 {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x, w, r := exchangeOf(w, r)
			token, sent := bearer(r.Header)
			if left := guesses.barred(x.client); sent && left > 0 {
				limited := deja.Errorf(deja.CodeRateLimited, "Too many wrong API keys came from this address.")
				limited.RetryAfter = left
				refuse(w, r, limited)
				return
			}
			sum := sha256.Sum256([]byte(token))
			match := 0
			for i := range known {
				match |= subtle.ConstantTimeCompare(known[i][:], sum[:])
			}
			if !sent || match == 0 {
				w.Header().Set("WWW-Authenticate", `Bearer realm="deja"`)
				message := "An API key is needed: send it as Authorization: Bearer KEY."
				if sent {
					guesses.wrong(r.Context(), x.client)
					message = "The API key is not known here."
				}
				refuse(w, r, deja.Errorf(deja.CodeUnauthorized, "%s", message))
				return
			}
			x.client.ID = ratelimit.Secret(token)
			next.ServeHTTP(w, r)
		})
	}
}

// bearer gives the token of an Authorization header.
func bearer(h http.Header) (string, bool) {
	scheme, token, ok := strings.Cut(h.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(token), true
}
