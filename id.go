package deja

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
)

// Prefixes of the ids that deja gives out.
const (
	AssistantPrefix  = "asst_"
	ThreadPrefix     = "thread_"
	MessagePrefix    = "msg_"
	RunPrefix        = "run_"
	StepPrefix       = "step_"
	SourcePrefix     = "src_"
	TablePrefix      = "tbl_"
	CompletionPrefix = "chatcmpl-"
	CallPrefix       = "call_"
	RequestPrefix    = "req_"
)

// NewID gives a new random id with the prefix: 128 bits from crypto/rand.
func NewID(prefix string) string { return prefix + rand.Text() }

// DerivedID gives the id that stands for the given parts, always the same: for
// requests that may be sent twice and must be done once (Idempotency-Key).
// 130 bits of SHA-256 over the parts, each with its length.
func DerivedID(prefix string, parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return prefix + base32.StdEncoding.EncodeToString(h.Sum(nil))[:26]
}

// maxIDLen is far above any id that deja gives out, and small enough for a key.
const maxIDLen = 128

// ValidID reports whether id can be an id with the prefix: ASCII letters,
// digits, '_' and '-' after it, of reasonable length. Ids come from clients
// and become parts of cache keys, so everything else is refused before it gets
// there.
func ValidID(prefix, id string) bool {
	rest, ok := strings.CutPrefix(id, prefix)
	if !ok || rest == "" || len(id) > maxIDLen {
		return false
	}
	for i := range len(rest) {
		c := rest[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
