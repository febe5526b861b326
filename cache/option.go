package cache

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unsafe"
)

// Option steers one call. It is a value and not a function, so that a call
// that is answered from memory allocates nothing.
//
// It has no slice, because the compiler keeps what is this small in registers:
// measured, a twentieth of a hit in memory.
type Option struct {
	kind   optionKind
	number int64   // of groups, if it is about groups
	groups *string // the first of them
}

// list gives the groups of an option that is about groups.
func (o *Option) list() []string { return unsafe.Slice(o.groups, o.number) }

type optionKind uint8

const (
	optionGroups optionKind = iota + 1
	optionRefresh
	optionMaxAge
	optionMinVersion
	optionUncounted
	optionPromise
)

// InGroup puts what is loaded into groups, for InvalidateGroup. The groups'
// generations are captured before the load. Reads must name the same groups,
// in any order: an entry with others is a miss.
func InGroup(groups ...string) Option {
	return Option{kind: optionGroups, number: int64(len(groups)), groups: unsafe.SliceData(groups)}
}

// Refresh skips the lookup: load, and fill what was loaded. The load begins
// after the call does; concurrent calls share one.
func Refresh() Option { return Option{kind: optionRefresh} }

// MaxAge treats older entries as misses: with 0, all that was loaded before
// the call.
func MaxAge(d time.Duration) Option { return Option{kind: optionMaxAge, number: int64(max(d, 0))} }

// MinVersion treats entries of an older version as misses.
func MinVersion(v int64) Option { return Option{kind: optionMinVersion, number: v} }

// Uncounted keeps a lookup out of the layer's hits, misses and avoided costs,
// and out of how long hits take: for looks that save nothing, such as the one
// before a Replace. What it loads is counted as any load.
func Uncounted() Option { return Option{kind: optionUncounted} }

// call is what the options of one call come to.
type call struct {
	groups     []string
	refresh    bool
	hasMaxAge  bool
	maxAge     int64 // ns
	minVersion int64
	uncounted  bool
	promise    Promise // 0: the layer's
	claim      bool    // what is stale is found, but is no hit
	strict     bool    // memory must not be relied on before Redis was asked
	away       bool    // Redis was asked, and did not answer
	absent     bool    // a moment ago, memory had no entry at all
}

func newCall(opts []Option) (c call) {
	if len(opts) == 0 {
		return c
	}
	for i := range opts {
		switch o := &opts[i]; o.kind {
		case optionGroups:
			if c.groups == nil {
				c.groups = o.list()
				continue
			}
			all := make([]string, 0, len(c.groups)+int(o.number))
			for _, groups := range [...][]string{c.groups, o.list()} {
				for _, g := range groups {
					all = append(all, strings.Clone(g))
				}
			}
			c.groups = all
		case optionRefresh:
			c.refresh = true
		case optionMaxAge:
			if !c.hasMaxAge || o.number < c.maxAge {
				c.hasMaxAge, c.maxAge = true, o.number
			}
		case optionMinVersion:
			c.minVersion = max(c.minVersion, o.number)
		case optionPromise:
			c.promise = Promise(o.number)
		case optionUncounted:
			c.uncounted = true
		}
	}
	return c
}

// own gives the call strings of its own, for use after the memory lookup
// failed: so the caller's arguments may live on its stack when it doesn't.
func (c *call) own() call {
	// Field by field: a copy of the whole would make the compiler believe
	// that the caller's groups live on.
	own := call{refresh: c.refresh, hasMaxAge: c.hasMaxAge, maxAge: c.maxAge, minVersion: c.minVersion, uncounted: c.uncounted, promise: c.promise, absent: c.absent}
	for _, g := range c.groups {
		own.groups = append(own.groups, strings.Clone(g))
	}
	if len(own.groups) > 1 { // entries have them in this order, whoever fills them
		slices.Sort(own.groups)
		own.groups = slices.Compact(own.groups)
	}
	return own
}

func ownCall(opts []Option) call {
	c := newCall(opts)
	return c.own()
}

// check refuses what can't be part of a key.
func (c *call) check(id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	if len(c.groups) > maxGroups {
		return fmt.Errorf("%w: %d groups", ErrKey, len(c.groups))
	}
	for _, g := range c.groups {
		if err := checkGroup(g); err != nil {
			return err
		}
	}
	return nil
}

// accepts says whether an entry is good enough for the call: young and new
// enough, and in the groups that it names. Freshness is the caller's to check.
func (c *call) accepts(e *Engine, it *item) bool {
	if c.refresh || it.version < c.minVersion {
		return false
	}
	// Not by the clock of memory hits, which is late by milliseconds.
	if c.hasMaxAge && e.now()-it.created >= c.maxAge {
		return false
	}
	return it.in(c.groups)
}
