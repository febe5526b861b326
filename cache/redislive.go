package cache

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// The Redis commands of live streams; see live.go.

const (
	liveSuffix = ":live"
	// liveTTL is how long a stream stays after its last piece: long enough
	// for a follower that was slow to notice the end.
	liveTTL = 30 * time.Second
	// livePieces is about how many pieces a stream keeps.
	livePieces = 8192
	// liveBatch is how many of them a follower takes at a time.
	liveBatch = 512
	// liveWait is how long a follower waits to be told of a piece before it
	// looks by itself.
	liveWait = 400 * time.Millisecond
)

// A follower says every followedEvery that it is there, for followedTTL. It is
// long against followedEvery, because a node that has no processor for a
// second must not lose the answer that it follows.
const (
	followedSuffix = ":followed"
	followedEvery  = 500 * time.Millisecond
	followedTTL    = 6 * followedEvery
)

func (r *remote) liveKey(key string) string     { return r.sideKey(key, liveSuffix) }
func (r *remote) followedKey(key string) string { return r.sideKey(key, followedSuffix) }

// makerKey stands for as long as who was granted a lease publishes: longer
// than the lease where an invalidation took that away, and not longer where
// the maker died or was cut off.
func (r *remote) makerKey(key string, nonce token) string {
	return r.sideKey(key, ":maker:"+nonce.String())
}

// sayFollowed lets the holder know that somebody follows.
func (r *remote) sayFollowed(ctx context.Context, key string) error {
	c, ok := r.client()
	if !ok {
		return errAway
	}
	began := r.engine.now()
	return r.note(began, c.Do(ctx, c.B().Set().Key(r.followedKey(key)).Value("1").PxMilliseconds(followedTTL.Milliseconds()).Build()).Error())
}

// followed says whether somebody has lately said so.
func (r *remote) followed(ctx context.Context, key string) bool {
	b, err := r.get(ctx, r.followedKey(key))
	return err == nil && b != nil
}

// publishScript adds a piece while the lease stands, or while its holder goes
// on for those who follow it: 1, else 0. The end ends the latter. KEYS: lease,
// stream, maker. ARGV: nonce, kind, piece, pieces kept, ms of the stream, of
// the lease.
//
//nolint:gochecknoglobals // a compiled table
var publishScript = rueidis.NewLuaScript(stringOf + `
if get(KEYS[1]) ~= ARGV[1] and redis.call('EXISTS', KEYS[3]) == 0 then
  return 0
end
local kind = redis.call('TYPE', KEYS[2]).ok
if kind ~= 'stream' and kind ~= 'none' then
  redis.call('UNLINK', KEYS[2])
end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'n', ARGV[1], 'k', ARGV[2], 'p', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
if ARGV[2] == '` + liveEnd + `' then
  redis.call('DEL', KEYS[3])
else
  redis.call('SET', KEYS[3], '1', 'PX', ARGV[6])
end
return 1
`)

func (r *remote) publish(ctx context.Context, key string, nonce token, kind string, piece []byte) (bool, error) {
	n, err := r.count(ctx, publishScript, []string{r.leaseKey(key), r.liveKey(key), r.makerKey(key, nonce)},
		nonce.String(), kind, rueidis.BinaryString(piece), strconv.Itoa(livePieces), millis(liveTTL), millis(r.engine.o.LeaseTTL))
	return n == 1, err
}

// leaseHolder gives the nonce of the lease on a key, 0 when there is none. It
// isn't gathered with other reads: it may take longer than they.
func (r *remote) leaseHolder(ctx context.Context, key string) (token, error) {
	c, ok := r.client()
	if !ok {
		return 0, errAway
	}
	b, err := r.getAlone(ctx, c, r.leaseKey(key))
	return parseToken(string(b)), err
}

// livePiece is an entry of a stream.
type livePiece struct {
	id, nonce, kind string
	piece           []byte
}

// livePiecesAfter gives the pieces behind the last one seen ("" for none), and
// whether their maker was there when they were read. These are plain reads on
// the connection that everything shares, and Redis pushes when what they read
// changes. A blocking XREAD instead would take a connection for each stream,
// and one that is left while it waits must be closed, which is taken for the
// loss of the connection that pushes.
func (r *remote) livePiecesAfter(ctx context.Context, key, last string, maker token) (pieces []livePiece, stands bool, err error) {
	c, ok := r.client()
	if !ok {
		return nil, false, errAway
	}
	from := "-"
	if last != "" {
		from = "(" + last
	}
	began := r.engine.now()
	// The stream comes last: without a maker before, it is complete then.
	replies := c.DoMulti(ctx,
		c.B().Get().Key(r.leaseKey(key)).Build(),
		c.B().Exists().Key(r.makerKey(key, maker)).Build(),
		c.B().Xrange().Key(r.liveKey(key)).Start(from).End("+").Count(liveBatch).Build())
	holder, err := replies[0].ToString()
	if err = r.note(began, err); err != nil && !rueidis.IsRedisNil(err) {
		return nil, false, err
	}
	makes, err := replies[1].AsInt64()
	if err != nil {
		return nil, false, err
	}
	entries, err := replies[2].AsXRange()
	if err != nil {
		return nil, false, err
	}
	for _, e := range entries {
		f := e.FieldValues
		pieces = append(pieces, livePiece{id: e.ID, nonce: f["n"], kind: f["k"], piece: []byte(f["p"])})
	}
	return pieces, makes == 1 || holder == maker.String(), nil
}
