package ratelimit

import (
	"crypto/sha256"
	"encoding/base32"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Addr gives the identifier of a network address: ip_10.0.0.1. Of an IPv6
// address it is the /64, which is what one client commonly has to itself:
// ip_2001:db8::/64.
func Addr(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return "ip_" + p.String()
		}
	}
	return "ip_" + a.String()
}

// Secret gives an identifier that stands for an API key or another secret
// without telling it: a digest of 128 bits. Secrets that can be guessed can
// also be found from their digest; keys made at random can't.
func Secret(secret string) string { return secretMark + digest("secret", secret) }

const (
	secretMark = "key_"
	digestMark = "h_"

	maxPlainID  = 48 // an IPv6 prefix takes 46 at most
	maxPlainRun = 16
	digestChars = 26 // 128 bits in base32
)

const digestAlphabet = "abcdefghijklmnopqrstuvwxyz234567"

var digestEncoding = base32.NewEncoding(digestAlphabet).WithPadding(base32.NoPadding)

// digest tells apart what it is used for, so that no two uses give the same.
func digest(use, text string) string {
	sum := sha256.Sum256([]byte("deja ratelimit " + use + "\x00" + text))
	return digestEncoding.EncodeToString(sum[:16])
}

// segment writes an identifier as a part of a key. Different identifiers give
// different segments.
func segment(id string) string {
	if isPlain(id) || isSecretID(id) {
		return id
	}
	return digestMark + digest("identifier", id)
}

// isPlain reports whether id may be read in a key as it is: short, of harmless
// characters, and without a long run of letters and digits, which would be an
// API key that was not passed through Secret more often than anything else.
func isPlain(id string) bool {
	if id == "" || len(id) > maxPlainID || strings.HasPrefix(id, digestMark) || strings.HasPrefix(id, secretMark) {
		return false
	}
	run := 0
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			if run++; run > maxPlainRun {
				return false
			}
		case strings.IndexByte("._:/-", c) >= 0:
			run = 0
		default:
			return false
		}
	}
	return true
}

func isSecretID(id string) bool {
	d, ok := strings.CutPrefix(id, secretMark)
	return ok && len(d) == digestChars && strings.Trim(d, digestAlphabet) == ""
}

// windowName writes a window as the last part of a key.
func windowName(d time.Duration) string {
	if d%time.Second == 0 {
		return strconv.FormatInt(int64(d/time.Second), 10)
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}

// Key gives the whole Redis key of a client's counter. Identifiers up to 48
// bytes of letters, digits and ._:/- stay readable unless more than 16 letters
// or digits follow one another, as they do in API keys; all others, and those
// that begin as a digest does, are replaced by a digest of 128 bits.
func (l *Limiter) Key(id string) string { return l.key(segment(id)) }

func (l *Limiter) key(segment string) string {
	return l.opts.Prefix + "rate_limit:" + segment + ":" + l.window
}
