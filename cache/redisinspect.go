package cache

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// stored is what Redis has of one key, side keys included.
type stored struct {
	entry []byte // nil: none
	ttl   time.Duration
	lease bool
	floor int64
}

// inspect reads all that there is of a key, in one round trip. It is no look
// in the sense of the breaker: operators may ask for anything.
func (r *remote) inspect(ctx context.Context, key string) (s stored, err error) {
	c, ok := r.client()
	if !ok {
		return s, errAway
	}
	replies := c.DoMulti(ctx,
		c.B().Get().Key(key).Build(),
		c.B().Pttl().Key(key).Build(),
		c.B().Exists().Key(r.leaseKey(key)).Build(),
		c.B().Get().Key(r.floorKey(key)).Build())
	entry, err := replies[0].ToString()
	switch {
	case err == nil:
		s.entry = bytesOf(entry)
	case !rueidis.IsRedisNil(err):
		return s, err
	}
	ttl, err := replies[1].AsInt64()
	if err != nil {
		return s, err
	}
	s.ttl = time.Duration(max(ttl, 0)) * time.Millisecond
	leases, err := replies[2].AsInt64()
	if err != nil {
		return s, err
	}
	s.lease = leases > 0
	floor, err := replies[3].ToString()
	if err != nil && !rueidis.IsRedisNil(err) {
		return s, err
	}
	s.floor, _ = strconv.ParseInt(floor, 16, 64)
	return s, nil
}

// noteScript adds fills to a HyperLogLog that expires. ARGV: ms, ids.
//
//nolint:gochecknoglobals // a compiled table
var noteScript = rueidis.NewLuaScript(`
redis.call('PFADD', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
`)

// notedAtOnce keeps a command's arguments within what Lua can unpack, and
// short enough not to hold up others.
const notedAtOnce = 1000

func (r *remote) noteFilled(ctx context.Context, key string, ids []string, left time.Duration) error {
	for len(ids) > 0 {
		n := min(len(ids), notedAtOnce)
		args := append([]string{millis(left)}, ids[:n]...)
		if _, err := r.scriptKeys(ctx, noteScript, []string{key}, args...); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// countFilled estimates how many different ids were added to any of the keys,
// all of one slot.
func (r *remote) countFilled(ctx context.Context, keys []string) (int64, error) {
	c, ok := r.client()
	if !ok {
		return 0, errAway
	}
	return c.Do(ctx, c.B().Pfcount().Key(keys...).Build()).AsInt64()
}
