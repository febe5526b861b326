package cache

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/redis/rueidis"

	"github.com/dejahq/deja/internal/redisconn"
)

// This file and scripts.go are all that knows Redis commands.

const (
	// lineageTTL is how long the generation of everything and the masters that
	// were met are remembered after they were last seen.
	lineageTTL = 2 * maxTTL
	// groupTTL is how long the generation of a group lasts that has no entries:
	// anybody may ask for things that are not there. An entry that lives longer
	// prolongs its generations. Losing one costs the entries that carry it.
	groupTTL = time.Hour
)

var (
	// errAway says that Redis is not being asked at the moment.
	errAway  = errors.New("cache: redis is away")
	errSlow  = errors.New("answers are slow")
	errReply = errors.New("cache: redis answered something else")
)

// remote is Redis as the engine sees it.
type remote struct {
	engine  *Engine
	conn    *redisconn.Conn
	breaker breaker
	soft    deadlines
	gather  gather
	missed  missed
	lastErr atomic.Pointer[string]
	masters atomic.Pointer[string] // replication ids
	stop    context.CancelFunc
	tasks   sync.WaitGroup
	fleet   fleet
	kick    chan struct{} // wakes the probe
	deaf    atomic.Bool   // the connection that pushes was lost
	closing atomic.Bool   // connections are lost because they are closed
	ready   chan struct{} // closed when Redis is trusted for the first time
}

// client gives the client unless the breaker is open.
func (r *remote) client() (rueidis.Client, bool) {
	if r.breaker.open.Load() {
		return nil, false
	}
	c, _ := r.conn.Client()
	return c, c != nil
}

// note tells the breaker how a command went, and passes on its error. Nil
// replies and refusals are answers; what the server says when it can't serve
// at all is not.
func (r *remote) note(began int64, err error) error {
	if err == nil || rueidis.IsRedisNil(err) {
		r.breaker.good(time.Duration(r.engine.now() - began))
		return err
	}
	if errors.Is(err, context.Canceled) {
		return err // a caller who has left says nothing about Redis
	}
	if reply, ok := rueidis.IsRedisErr(err); ok && !unfit(reply.Error()) {
		r.failed(err)
		return err
	}
	r.failed(err)
	if errors.Is(err, context.DeadlineExceeded) {
		r.breaker.late(err)
	} else {
		r.breaker.bad(err)
	}
	return err
}

func (r *remote) failed(err error) {
	s := err.Error()
	r.lastErr.Store(&s)
}

// unfit says whether an error reply means that the server as a whole is of no
// use now.
func unfit(reply string) bool {
	for _, p := range [...]string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "NOREPLICAS", "BUSY", "NOAUTH", "WRONGPASS", "NOPERM"} {
		if strings.HasPrefix(reply, p) {
			return true
		}
	}
	return false
}

// foreign says whether a key holds what is none of ours: of another type.
// The next script that wants the key removes it, see stringOf.
func foreign(err error) bool {
	reply, ok := rueidis.IsRedisErr(err)
	return ok && strings.HasPrefix(reply.Error(), "WRONGTYPE")
}

// bytesOf gives the bytes of a reply that nobody else has, without a copy.
// They must not be changed.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func (r *remote) script(ctx context.Context, s *rueidis.Lua, key string, args ...string) (rueidis.RedisMessage, error) {
	return r.scriptKeys(ctx, s, []string{key, r.leaseKey(key), r.floorKey(key)}, args...)
}

func (r *remote) scriptKeys(ctx context.Context, s *rueidis.Lua, keys []string, args ...string) (rueidis.RedisMessage, error) {
	c, ok := r.client()
	if !ok {
		return rueidis.RedisMessage{}, errAway
	}
	return r.exec(ctx, c, s, keys, args...)
}

func (r *remote) exec(ctx context.Context, c rueidis.Client, s *rueidis.Lua, keys []string, args ...string) (rueidis.RedisMessage, error) {
	began := r.engine.now()
	m, err := s.Exec(ctx, c, keys, args).ToMessage()
	if impatient(ctx, err) {
		return m, err
	}
	return m, r.note(began, err)
}

type leaseReply int

const (
	leaseValue leaseReply = iota + 1
	leaseGranted
	leaseHeld
)

// lease asks for the value, or the right to fill it. seen is the checksum of
// a value that the caller can't use, 0 for none; force disregards any value.
func (r *remote) lease(ctx context.Context, key string, nonce token, seen uint32, force bool) (leaseReply, []byte, error) {
	m, err := r.script(ctx, leaseScript, key, r.leaseArgs(nonce, seen, force)...)
	if err != nil {
		return 0, nil, err
	}
	return readLease(m)
}

func (r *remote) leaseArgs(nonce token, seen uint32, force bool) []string {
	mark, any := "", "0"
	if seen != 0 {
		mark = string(binary.BigEndian.AppendUint32(nil, seen))
	}
	if force {
		any = "1"
	}
	return []string{nonce.String(), millis(r.engine.o.LeaseTTL), mark, any}
}

// readLease gives the reply's kind and what comes with it, if anything.
func readLease(m rueidis.RedisMessage) (leaseReply, []byte, error) {
	reply, err := m.ToArray()
	if err != nil || len(reply) == 0 {
		return 0, nil, fmt.Errorf("cache: lease reply: %w", err)
	}
	kind, err := reply[0].AsInt64()
	if err != nil {
		return 0, nil, fmt.Errorf("cache: lease reply: %w", err)
	}
	if len(reply) == 1 {
		return leaseReply(kind), nil, nil
	}
	s, err := reply[1].ToString()
	return leaseReply(kind), bytesOf(s), err
}

// fill stores a sealed entry under a lease, and says whether it did.
func (r *remote) fill(ctx context.Context, key string, nonce token, sealed []byte, ttl time.Duration, version int64) (bool, error) {
	if !guardNonce {
		c, ok := r.client()
		if !ok {
			return false, errAway
		}
		_ = c.Do(ctx, c.B().Del().Key(r.leaseKey(key)).Build()).Error()
		err := c.Do(ctx, c.B().Set().Key(key).Value(rueidis.BinaryString(sealed)).Px(ttl).Build()).Error()
		return err == nil, err
	}
	floor := hexVersion(version)
	if !guardFloor {
		floor = ""
	}
	m, err := r.script(ctx, fillScript, key, nonce.String(), rueidis.BinaryString(sealed), millis(ttl), floor)
	if err != nil {
		return false, err
	}
	n, err := m.AsInt64()
	return n == 1, err
}

// invalidate is told the client, because the replay uses it while the breaker
// is open.
func (r *remote) invalidate(ctx context.Context, c rueidis.Client, key string, version int64, always bool) (int64, error) {
	force := "0"
	if always {
		force = "1"
	}
	m, err := r.exec(ctx, c, invalidateScript, []string{key, r.leaseKey(key), r.floorKey(key)}, hexVersion(version), millis(floorTTL), force)
	if err != nil {
		return 0, err
	}
	return readFloor(m)
}

func readFloor(m rueidis.RedisMessage) (int64, error) {
	s, err := m.ToString()
	if err != nil || s == "" {
		return 0, err
	}
	return strconv.ParseInt(s, 16, 64)
}

// replace swaps a sealed entry in, or invalidates.
func (r *remote) replace(ctx context.Context, key string, old, version int64, sealed []byte, ttl time.Duration, tokens int) (t told, err error) {
	s := rueidis.BinaryString(sealed)
	m, err := r.script(ctx, replaceScript, key, fullHex(old), fullHex(version), s, millis(ttl),
		s[headerFixed:headerFixed+8*tokens], millis(floorTTL), s[4:6])
	if err != nil {
		return t, err
	}
	reply, err := m.ToArray()
	if err != nil || len(reply) != 2 {
		return t, fmt.Errorf("cache: replace reply: %w", err)
	}
	n, err := reply[0].AsInt64()
	if err != nil {
		return t, fmt.Errorf("cache: replace reply: %w", err)
	}
	t.stored = n == 1
	t.floor, err = readFloor(reply[1])
	return t, err
}

func generationTTL(group string) time.Duration {
	if group == groupAll {
		return lineageTTL
	}
	return groupTTL
}

// generation gives a group's token, and until when Redis keeps it.
func (r *remote) generation(ctx context.Context, group string) (t token, lasts int64, err error) {
	asked := r.engine.now()
	m, err := r.scriptKeys(ctx, generationScript, []string{r.generationKey(group)}, newToken().String(), millis(generationTTL(group)))
	if err != nil {
		return 0, 0, err
	}
	reply, err := m.ToArray()
	if err != nil || len(reply) != 2 {
		return 0, 0, fmt.Errorf("cache: generation reply: %w", err)
	}
	s, err := reply[0].ToString()
	if err != nil {
		return 0, 0, err
	}
	ms, err := reply[1].AsInt64()
	return parseToken(s), asked + ms*int64(time.Millisecond), err
}

// prolong sees to it that the generations of an entry in Redis last longer
// than it does; twice as long, so that not every entry has to.
func (r *remote) prolong(ctx context.Context, it *item) {
	for _, g := range it.gens {
		if g.lasts.Load() >= it.dead {
			continue
		}
		now := r.engine.now()
		ms := 2 * time.Duration(it.dead-now)
		m, err := r.scriptKeys(ctx, prolongScript, []string{r.generationKey(g.name)}, g.token.String(), millis(ms))
		if err != nil {
			return // it costs the entry, some day
		}
		if is, _ := m.AsInt64(); is == 1 {
			g.lasts.Store(now + int64(ms))
		} else {
			r.engine.gens.kill(g.name)
		}
	}
}

// bump gives a group a new generation.
func (r *remote) bump(ctx context.Context, c rueidis.Client, group string) error {
	_, err := r.exec(ctx, c, overwriteScript, []string{r.generationKey(group)}, newToken().String(), millis(generationTTL(group)))
	return err
}

func (r *remote) ping(ctx context.Context, c rueidis.Client) error {
	return redisconn.Ping(ctx, c)
}

func (r *remote) generationKey(group string) string {
	return r.engine.o.Prefix + genSpace + ":" + group
}

func millis(d time.Duration) string {
	return strconv.FormatInt(max(d.Milliseconds(), 1), 10)
}

// hexVersion writes a version as scripts compare them; "" for none.
func hexVersion(v int64) string {
	if v == 0 {
		return ""
	}
	return fullHex(v)
}

func fullHex(v int64) string { return fmt.Sprintf("%016x", uint64(v)) }
