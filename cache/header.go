package cache

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"time"
)

// An entry in Redis is a header and the encoded value. The header is fixed
// up to the generations, so that scripts find the version and the generations
// where they expect them:
//
//	 0  2  magic "DJ"
//	 2  1  format: 1
//	 3  1  flags
//	 4  2  layer version
//	 6  8  source version
//	14  8  created, Unix ms
//	22  4  fresh for, ms
//	26  4  servable for, ms: fresh and stale
//	30  4  load duration, µs
//	34  8  cost
//	42  4  CRC-32C of all the rest
//	46  1  number of generations
//	47  8n generations: of @all, then of the groups
//
// all big-endian. What doesn't read as such is a miss: entries of later
// formats, damaged ones, and what somebody else wrote.
const (
	headerFixed  = 47
	headerFormat = 1
	headerCRC    = 42
	maxGroups    = 16
	maxValue     = 16 << 20 // bytes, encoded

	flagNegative = 1 << 0
	flagS2       = 1 << 1 // the value is compressed
	flagsKnown   = flagNegative | flagS2
)

//nolint:gochecknoglobals // a compiled table
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// entry is what an entry in Redis says, with its value still encoded.
type entry struct {
	flags   byte
	layer   uint16
	version int64
	created int64 // Unix ms
	fresh   uint32
	dead    uint32
	delta   uint32
	cost    int64
	tokens  []byte // 8 each
	value   []byte
}

func headerSize(groups int) int { return headerFixed + 8*(groups+1) }

// appendTo writes the entry.
func (en *entry) appendTo(b []byte) []byte {
	start := len(b)
	b = append(b, 'D', 'J', headerFormat, en.flags)
	b = binary.BigEndian.AppendUint16(b, en.layer)
	b = binary.BigEndian.AppendUint64(b, uint64(en.version))
	b = binary.BigEndian.AppendUint64(b, uint64(en.created))
	b = binary.BigEndian.AppendUint32(b, en.fresh)
	b = binary.BigEndian.AppendUint32(b, en.dead)
	b = binary.BigEndian.AppendUint32(b, en.delta)
	b = binary.BigEndian.AppendUint64(b, uint64(en.cost))
	b = append(b, 0, 0, 0, 0, byte(len(en.tokens)/8))
	b = append(b, en.tokens...)
	b = append(b, en.value...)
	binary.BigEndian.PutUint32(b[start+headerCRC:], checksum(b[start:]))
	return b
}

func checksum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:headerCRC], castagnoli), castagnoli, b[headerCRC+4:])
}

// parseEntry reads what appendTo wrote; ok is false for anything else. The
// entry refers to b.
func parseEntry(b []byte) (en entry, ok bool) {
	if len(b) < headerFixed || b[0] != 'D' || b[1] != 'J' || b[2] != headerFormat {
		return en, false
	}
	en.flags = b[3]
	end := headerFixed + 8*int(b[46])
	if en.flags&^flagsKnown != 0 || len(b) < end || binary.BigEndian.Uint32(b[headerCRC:]) != checksum(b) {
		return en, false
	}
	en.layer = binary.BigEndian.Uint16(b[4:])
	en.version = int64(binary.BigEndian.Uint64(b[6:]))
	en.created = int64(binary.BigEndian.Uint64(b[14:]))
	en.fresh = binary.BigEndian.Uint32(b[22:])
	en.dead = binary.BigEndian.Uint32(b[26:])
	en.delta = binary.BigEndian.Uint32(b[30:])
	en.cost = int64(binary.BigEndian.Uint64(b[34:]))
	en.tokens = b[headerFixed:end]
	en.value = b[end:]
	sane := en.version >= 0 && en.created >= 0 && en.created < math.MaxInt64/int64(2*time.Millisecond) && en.fresh <= en.dead
	return en, sane
}

// seal turns an item and its encoded value into what Redis keeps, and for how
// long. ok is false when an item can't be kept there: one of its generations
// isn't known to Redis, or its time is over.
func (l *layer) seal(it *item, value []byte, now int64) (b []byte, ttl time.Duration, ok bool) {
	ttl = time.Duration(it.dead - now)
	if len(it.gens) == 0 || len(value) > maxValue || ttl < time.Millisecond {
		return nil, 0, false
	}
	value, packed := l.pack(value)
	en := entry{
		flags:   packed,
		layer:   l.version,
		version: it.version,
		created: max(it.created+l.engine.wallAhead(), 0) / int64(time.Millisecond),
		fresh:   uint32((it.fresh - it.created) / int64(time.Millisecond)),
		dead:    uint32((it.dead - it.created) / int64(time.Millisecond)),
		delta:   uint32(min(it.delta/int64(time.Microsecond), math.MaxUint32)),
		cost:    it.cost,
		tokens:  make([]byte, 0, 8*len(it.gens)),
		value:   value,
	}
	if it.negative {
		en.flags |= flagNegative
	}
	for _, g := range it.gens {
		if g.token == 0 {
			return nil, 0, false
		}
		en.tokens = binary.BigEndian.AppendUint64(en.tokens, uint64(g.token))
	}
	b = en.appendTo(make([]byte, 0, headerSize(len(it.gens)-1)+len(value)))
	it.mark = markOf(b)
	return b, ttl, true
}

// markOf gives the checksum of what Redis has under a key, by which the lease
// script knows it again; 0 for something too short to have one.
func markOf(b []byte) uint32 {
	if len(b) < headerCRC+4 {
		return 0
	}
	return binary.BigEndian.Uint32(b[headerCRC:])
}

// unseal makes an item of what Redis had, if it is an entry of this layer and
// of these generations. Whether it is still fresh is for the caller.
func (l *layer) unseal(b []byte, gens []*generation) (*item, bool) {
	now, ahead := l.engine.times()
	return l.unsealAt(b, gens, now, ahead)
}

// unsealAt is unseal at a time that the caller has looked up.
func (l *layer) unsealAt(b []byte, gens []*generation, now, ahead int64) (*item, bool) {
	en, ok := parseEntry(b)
	if !ok || en.layer != l.version || len(en.tokens) != 8*len(gens) {
		return nil, false
	}
	for i, g := range gens {
		if token(binary.BigEndian.Uint64(en.tokens[8*i:])) != g.token && guardGeneration {
			return nil, false
		}
	}
	// By the writer's wall clock. If that is ahead of ours, or one of the two
	// was set, the entry was not made later than now.
	created := min(en.created*int64(time.Millisecond)-ahead, now)
	it := &item{
		negative: en.flags&flagNegative != 0,
		version:  en.version,
		cost:     en.cost,
		created:  created,
		fresh:    created + int64(en.fresh)*int64(time.Millisecond),
		dead:     created + int64(en.dead)*int64(time.Millisecond),
		delta:    int64(en.delta) * int64(time.Microsecond),
		gens:     gens,
		mark:     binary.BigEndian.Uint32(b[headerCRC:]),
	}
	it.early = earlyFrom(it)
	if it.negative {
		return it, true
	}
	value, ok := unpack(&en)
	if !ok {
		l.undecodable(errPacked)
		return nil, false
	}
	it.size = uint32(len(value))
	v, err := l.decode(value)
	if err != nil {
		l.undecodable(err)
		return nil, false
	}
	it.value = v
	return it, true
}

// errPacked is given for a value that doesn't unpack.
var errPacked = errors.New("the compressed value is damaged")

// undecodable notes that an entry of this layer and version, undamaged as far
// as its checksum tells, is a miss because its value can't be read: a codec
// that changed without LayerOptions.Version, most likely.
func (l *layer) undecodable(err error) {
	l.stats.decodeErrors.Add(1)
	l.warn(&l.logged.decodes, "cache: an entry can't be decoded", err)
}
