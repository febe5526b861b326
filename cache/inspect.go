package cache

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// Inspection is what the cache knows of one key.
type Inspection struct {
	Key   string // whole, with prefix
	Layer string
	ID    string

	// In this node's memory.
	InMemory      bool
	MemoryBytes   int64     // what it counts for in the budget
	MemoryExpires time.Time // from then on Redis, or the source, is asked
	Current       bool      // nothing that the entry in memory depends on was invalidated

	// In Redis.
	InRedis    bool
	RedisBytes int64 // header and value, as stored
	RedisTTL   time.Duration
	Lease      bool  // somebody is loading it
	Floor      int64 // no older version is stored; 0: none
	Away       bool  // Redis is configured, and could not be asked

	// Header describes the entry: the one in Redis, else the one in memory;
	// nil when there is none that can be read.
	Header *EntryHeader
	// Groups are those of the entry. Redis knows groups by their generations
	// only, so of an entry that isn't in memory they are those that this node
	// has met, "" for one that it has not, or that was invalidated since.
	Groups []string
	// Value is the value as the codec writes it, uncompressed; nil for a
	// remembered absence.
	Value []byte
}

// EntryHeader is what an entry says about itself.
type EntryHeader struct {
	Format        int // of the header
	LayerVersion  uint16
	SourceVersion int64
	Codec         string // "json", "text", or the codec's type
	Compressed    bool
	Negative      bool // a remembered absence
	Created       time.Time
	Expires       time.Time     // fresh until then
	StaleUntil    time.Time     // from Expires on it may be served stale until then
	LoadTime      time.Duration // how long its load took
	Cost          int64         // see Fill
}

// Inspect tells what is known of a key of any layer, given whole as Layer.Key
// gives it. It changes nothing, loads nothing and counts as no hit, though
// Redis may note that the key was used. The error is ErrNotFound when there
// is no entry (the Inspection still tells of a lease and a floor), and ErrKey
// when no layer has such keys. When Redis is away the Inspection is of memory
// alone, with an error that isn't ErrNotFound if there is nothing.
func (e *Engine) Inspect(ctx context.Context, key string) (Inspection, error) {
	k, ok := e.memKey(strings.Clone(key))
	if !ok || checkID(k.id) != nil {
		return Inspection{}, fmt.Errorf("%w: %.200q is of no layer", ErrKey, key)
	}
	if !e.begin() {
		return Inspection{}, ErrClosed
	}
	defer e.work.Done()
	l := k.layer
	in := Inspection{Key: key, Layer: l.name, ID: k.id}
	it := l.inspectMemory(k, &in)
	var err error
	if r := e.remote; r != nil {
		var found stored
		err = r.within(ctx, func(ctx context.Context) (err error) {
			found, err = r.inspect(ctx, key)
			return err
		})
		if err != nil {
			in.Away = true
		} else {
			l.inspectRedis(&found, it, &in)
		}
	}
	if it != nil && in.Header == nil {
		if err := l.describe(it, &in); err != nil {
			return in, err
		}
	}
	switch {
	case in.InMemory || in.InRedis:
		return in, nil
	case err != nil:
		return in, fmt.Errorf("cache: %s: %w", key, err)
	}
	return in, ErrNotFound
}

func (l *layer) inspectMemory(k memKey, in *Inspection) *item {
	e := l.engine
	in.Floor, _ = e.floors.GetIfPresent(k)
	en, ok := e.items.GetEntryQuietly(k)
	if !ok {
		return nil
	}
	it, now := en.Value, e.now()
	if now >= it.kept { // the clock that evicts is coarse
		return nil
	}
	in.InMemory, in.MemoryBytes, in.MemoryExpires = true, int64(it.weight(k.id)), time.Unix(0, it.kept)
	in.Current = it.current(e)
	for _, g := range it.gens {
		if g.name != groupAll {
			in.Groups = append(in.Groups, g.name)
		}
	}
	return it
}

// describe tells of an entry that only memory has.
func (l *layer) describe(it *item, in *Inspection) (err error) {
	in.Header = &EntryHeader{
		Format:        headerFormat,
		LayerVersion:  l.version,
		SourceVersion: it.version,
		Codec:         l.codec,
		Negative:      it.negative,
		Created:       time.Unix(0, it.created),
		Expires:       time.Unix(0, it.fresh),
		StaleUntil:    time.Unix(0, it.dead),
		LoadTime:      time.Duration(it.delta),
		Cost:          it.cost,
	}
	if !it.negative {
		in.Value, err = l.encode(it.value)
	}
	return err
}

// inspectRedis tells of what Redis has. What isn't an entry of ours is there
// all the same, without a header.
func (l *layer) inspectRedis(found *stored, it *item, in *Inspection) {
	in.Lease, in.Floor = found.lease, max(in.Floor, found.floor)
	if found.entry == nil {
		return
	}
	in.InRedis, in.RedisBytes, in.RedisTTL = true, int64(len(found.entry)), found.ttl
	en, ok := parseEntry(found.entry)
	if !ok {
		return
	}
	created := time.UnixMilli(en.created)
	in.Header = &EntryHeader{
		Format:        headerFormat,
		LayerVersion:  en.layer,
		SourceVersion: en.version,
		Codec:         l.codec,
		Compressed:    en.flags&flagS2 != 0,
		Negative:      en.flags&flagNegative != 0,
		Created:       created,
		Expires:       created.Add(time.Duration(en.fresh) * time.Millisecond),
		StaleUntil:    created.Add(time.Duration(en.dead) * time.Millisecond),
		LoadTime:      time.Duration(en.delta) * time.Microsecond,
		Cost:          en.cost,
	}
	if value, ok := unpack(&en); ok && !in.Header.Negative {
		in.Value = value
	}
	if it == nil || it.mark != markOf(found.entry) {
		in.Groups = l.engine.gens.named(en.tokens)
	}
}

// named gives the groups whose present generations the tokens are, but for
// that of all; "" where this node knows none.
func (g *generations) named(tokens []byte) []string {
	if len(tokens) <= 8 {
		return nil
	}
	tokens = tokens[8:]
	names := make([]string, len(tokens)/8)
	for gen := range g.table.Values() {
		select {
		case <-gen.known:
		default:
			continue
		}
		for i := range names {
			if token(binary.BigEndian.Uint64(tokens[8*i:])) == gen.token {
				names[i] = gen.name
			}
		}
	}
	return names
}
