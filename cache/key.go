package cache

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	maxID     = 512
	maxPrefix = 128

	// genSpace is the key space of group generations; no layer may have it.
	genSpace = "gen"
	// epochSpace is the key space of the masters that were met.
	epochSpace = "epoch"
	// groupAll is the group that every entry is in.
	groupAll = "@all"
)

// unusable says whether a rune can't be part of a key: braces would change a
// key's slot in a Redis Cluster and make side keys ambiguous, and control
// characters break what people read and log.
func unusable(r rune) bool { return r < ' ' || r == 0x7f || r == '{' || r == '}' }

func checkID(id string) error {
	if id == "" || len(id) > maxID || strings.ContainsFunc(id, unusable) {
		return fmt.Errorf("%w: id of %d bytes", ErrKey, len(id))
	}
	return nil
}

func checkGroup(group string) error {
	if group == "" || len(group) > maxID || group[0] == '@' || strings.ContainsFunc(group, unusable) {
		return fmt.Errorf("%w: group of %d bytes", ErrKey, len(group))
	}
	return nil
}

func checkLayerName(name string) error {
	ok := name != "" && len(name) <= 64 && name != genSpace && name != epochSpace
	for _, r := range name {
		ok = ok && (r == '_' || r == '-' || r == '.' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
	}
	if !ok {
		return fmt.Errorf("%w: layer name %q", ErrOptions, name)
	}
	return nil
}

// Side keys carry the whole key, which has no braces, as a hash tag, so that a
// Redis Cluster keeps them in the key's own slot and one script may touch all
// of them. Before it stands the prefix once more, so that whoever may use keys
// of the prefix only (ACL "~prefix*") may use them.

func (r *remote) sideKey(key, suffix string) string {
	return r.engine.o.Prefix + "{" + key + "}" + suffix
}

func (r *remote) leaseKey(key string) string { return r.sideKey(key, leaseSuffix) }
func (r *remote) floorKey(key string) string { return r.sideKey(key, floorSuffix) }

const (
	leaseSuffix = ":lease"
	floorSuffix = ":floor"
)

// token is a value that will not come again: 64 random bits. Generations and
// lease nonces are tokens rather than counters, so that losing one can only
// make entries unreachable and never revive old ones.
type token uint64

func newToken() token {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return token(binary.BigEndian.Uint64(b[:]) | 1)
}

func (t token) String() string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(t))
	return hex.EncodeToString(b[:])
}

// parseToken reads what String wrote; anything else is the zero token, which
// no generation has.
func parseToken(s string) token {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 8 {
		return 0
	}
	return token(binary.BigEndian.Uint64(b))
}
