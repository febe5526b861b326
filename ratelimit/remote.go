package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/dejahq/deja/internal/redisconn"
)

// errAway means that Redis is known to be away and was not asked.
var errAway = errors.New("ratelimit: Redis is away")

// spendScript decides and counts in one step. KEYS: the counter. ARGV: limit,
// window in ms, cost. It answers whether the cost was allowed, what is used
// now, and the ms that the window still lasts. Anything that isn't a count, of
// whatever type, is replaced; a count that would outlive its window, or live
// for ever, gets the window to live.
const spendScript = `
local limit, window, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local value = redis.pcall('GET', KEYS[1])
local open = type(value) == 'string' and string.match(value, '^%d+$') ~= nil
local used, left = 0, window
if open then
  used = tonumber(value)
  left = redis.call('PTTL', KEYS[1])
  if left < 0 or left > window then
    redis.call('PEXPIRE', KEYS[1], window)
    left = window
  end
end
if used + cost > limit then
  return {0, used, left}
end
if open then
  redis.call('INCRBY', KEYS[1], cost)
else
  redis.call('SET', KEYS[1], cost, 'PX', window)
end
return {1, used + cost, left}`

// How long Redis is left alone after a failure: longer with each failure in
// a row.
const (
	minPause = 100 * time.Millisecond
	maxPause = 2 * time.Second
)

// remote counts in Redis. After a failure it stands aside until a probe in the
// background has had an answer.
type remote struct {
	conn    *redisconn.Conn
	script  *rueidis.Lua
	limit   string
	window  string // ms
	timeout time.Duration
	log     *slog.Logger

	away   atomic.Bool
	failed chan error    // wakes the probe
	sound  atomic.Bool   // the last script that was sent was answered
	cancel func()        // ends the probe
	done   chan struct{} // closed when it has ended
}

func openRemote(o Options) (*remote, error) {
	conn, err := redisconn.Open(*o.Redis)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &remote{
		conn:    conn,
		script:  rueidis.NewLuaScript(spendScript),
		limit:   strconv.FormatInt(o.Limit, 10),
		window:  strconv.FormatInt(o.Window.Milliseconds(), 10),
		timeout: o.Timeout,
		log:     o.Logger,
		failed:  make(chan error, 1),
		cancel:  cancel,
		done:    make(chan struct{}),
	}
	r.sound.Store(true)
	go r.watch(ctx)
	return r, nil
}

// spend counts n at key if the limit bears it, and reports whether it did.
func (r *remote) spend(ctx context.Context, key string, n int64) (count, bool, error) {
	client, alive := r.conn.Client()
	if !alive || r.away.Load() {
		return count{}, false, errAway
	}
	bounded, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	args := []string{r.limit, r.window, strconv.FormatInt(n, 10)}
	answer, err := r.script.Exec(bounded, client, []string{key}, args).AsIntSlice()
	if err == nil && len(answer) != 3 {
		err = fmt.Errorf("ratelimit: Redis answered with %d numbers", len(answer))
	}
	if err != nil {
		if ctx.Err() == nil { // the caller's own end says nothing about Redis
			r.standAside(err)
		}
		return count{}, false, err
	}
	if r.sound.CompareAndSwap(false, true) {
		r.log.Info("rate limits are counted in Redis again")
	}
	left := time.Duration(answer[2]) * time.Millisecond
	return count{used: answer[1], ends: time.Now().Add(left)}, answer[0] == 1, nil
}

func (r *remote) standAside(err error) {
	if !r.away.CompareAndSwap(false, true) {
		return
	}
	r.failed <- err // has room: only the watcher resets away, after it has taken this
}

// watch ends each standing aside after a pause and an answered PING. A server
// that answers PING but fails at scripts is tried again and again, at longer
// and longer intervals.
func (r *remote) watch(ctx context.Context) {
	defer close(r.done)
	pause := minPause
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-r.failed:
			if r.sound.CompareAndSwap(true, false) {
				r.log.Warn("Redis failed: each node limits by itself", "error", err)
				pause = minPause
			}
		}
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			pause = min(2*pause, maxPause)
			if r.answers(ctx) {
				break
			}
		}
		r.away.Store(false)
	}
}

func (r *remote) answers(ctx context.Context) bool {
	client, alive := r.conn.Client()
	if !alive {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	return client.Do(ctx, client.B().Ping().Build()).Error() == nil
}

func (r *remote) close() error {
	r.cancel()
	<-r.done
	return r.conn.Close()
}
