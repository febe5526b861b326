package cache

import (
	"github.com/klauspost/compress/s2"
)

// Values above a size are compressed in Redis, with S2: on JSON such as
// schemas and threads of that size and more it takes less time to pack, and to
// unpack, than zstd at its fastest level. On the way of a request that
// outweighs the bytes that zstd saves, about a third of what S2 leaves.
// bench/RESULTS.md has the figures.

// defaultCompress is where compression begins to pay: below, a value fits a
// few network packets and unpacking is all cost.
const defaultCompress = 4 << 10

// pack compresses a value where that saves an eighth of it or more.
func (l *layer) pack(value []byte) (packed []byte, flag byte) {
	if l.compress <= 0 || len(value) < l.compress {
		return value, 0
	}
	packed = s2.Encode(nil, value)
	if len(packed) > len(value)-len(value)/8 {
		return value, 0
	}
	return packed, flagS2
}

// unpack undoes pack. What claims to be larger than a value may be is refused
// before anything is allocated for it.
func unpack(en *entry) ([]byte, bool) {
	if en.flags&flagS2 == 0 {
		return en.value, true
	}
	n, err := s2.DecodedLen(en.value)
	if err != nil || n > maxValue {
		return nil, false
	}
	value, err := s2.Decode(make([]byte, n), en.value)
	return value, err == nil
}
