package deja

import (
	"crypto/rand"
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
