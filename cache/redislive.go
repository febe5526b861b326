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
	// liveWait is how long a follower waits for a piece before it looks
	// whether the lease still stands.
	liveWait = 400 * time.Millisecond
)

// A follower says every followedEvery that it is there, for followedTTL.
const (
	followedSuffix = ":followed"
	followedEvery  = 500 * time.Millisecond
	followedTTL    = 4 * followedEvery
)

// liveFailures is how many commands in a row may fail before a follower gives
// up; each has the hard timeout.
const liveFailures = 4

func (r *remote) liveKey(key string) string     { return r.sideKey(key, liveSuffix) }
func (r *remote) followedKey(key string) string { return r.sideKey(key, followedSuffix) }

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

// publishScript adds a piece while the lease stands: 1, or 0 when it is lost.
// KEYS: lease, stream. ARGV: nonce, kind, piece, pieces kept, ms.
//
//nolint:gochecknoglobals // a compiled table
var publishScript = rueidis.NewLuaScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('EXISTS', KEYS[1])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'n', ARGV[1], 'k', ARGV[2], 'p', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1
`)

func (r *remote) publish(ctx context.Context, key string, nonce token, kind string, piece []byte) (bool, error) {
	m, err := r.scriptKeys(ctx, publishScript, []string{r.leaseKey(key), r.liveKey(key)},
		nonce.String(), kind, rueidis.BinaryString(piece), strconv.Itoa(livePieces), millis(liveTTL))
	if err != nil {
		return false, err
	}
	n, err := m.AsInt64()
	return n == 1, err
}

// leaseHolder gives the nonce of the lease on a key, "" when there is none.
func (r *remote) leaseHolder(ctx context.Context, key string) (string, error) {
	b, err := r.get(ctx, r.leaseKey(key))
	return string(b), err
}

// livePiece is an entry of a stream.
type livePiece struct {
	id, nonce, kind string
	piece           []byte
}

// livePiecesAfter waits up to wait for pieces behind the last one seen; none is
// not an error.
func (r *remote) livePiecesAfter(ctx context.Context, key, last string, wait time.Duration) ([]livePiece, error) {
	c, ok := r.client()
	if !ok {
		return nil, errAway
	}
	// A server that hangs must not hold the follower.
	ctx, cancel := context.WithTimeout(ctx, wait+r.engine.o.HardTimeout)
	defer cancel()
	live := r.liveKey(key)
	reply, err := c.Do(ctx, c.B().Xread().Count(512).Block(wait.Milliseconds()).Streams().Key(live).Id(last).Build()).AsXRead()
	if rueidis.IsRedisNil(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var pieces []livePiece
	for _, e := range reply[live] {
		f := e.FieldValues
		pieces = append(pieces, livePiece{id: e.ID, nonce: f["n"], kind: f["k"], piece: []byte(f["p"])})
	}
	return pieces, nil
}
