package redisconn

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/redis/rueidis"
)

// places is how many commands of one Conn may be under way.
//
// The client library keeps those of a connection in a ring of 1,024 places
// until they are answered. One that finds the ring full waits for a place
// whatever its context says, and one whose context ends keeps its place. So
// while a server hangs, who comes after the first thousand would wait until
// the connection is given up. Half of the ring is enough for any throughput
// that was measured, and leaves the rest to what doesn't pass here: pings,
// subscriptions, and questions to single nodes of a cluster.
const places = 512

// room sees to it that a connection's ring never fills, and that who waits for
// a place leaves when his context ends. A place is given back with the answer;
// that of a command whose caller has left, with the answer to any that was
// sent behind it. Of a cluster, with several connections, that is a guess:
// answers of one node say nothing about the others, so a node that hangs may
// hold up twice as many before nobody asks it any more.
type room struct {
	taken chan struct{}
	left  atomic.Int64 // commands whose callers have left, ever
	freed atomic.Int64 // of them, those whose places were given back
}

func newRoom() *room { return &room{taken: make(chan struct{}, places)} }

// enter takes a place. It gives what leave and heard want to know: how many
// callers had left before.
func (r *room) enter(ctx context.Context) (left int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	select {
	case r.taken <- struct{}{}:
		return r.left.Load(), nil
	default:
	}
	select {
	case r.taken <- struct{}{}:
		return r.left.Load(), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// leave ends a command with what its answer came to, replies that are errors
// aside.
func (r *room) leave(left int64, err error) {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		r.left.Add(1)
		return
	}
	<-r.taken
	if err == nil {
		r.heard(left)
	}
}

// heard says that there is an answer to a command that was sent when so many
// callers had left: so there are answers to theirs.
func (r *room) heard(left int64) {
	for {
		freed := r.freed.Load()
		if left <= freed {
			return
		}
		if r.freed.CompareAndSwap(freed, left) {
			for range left - freed {
				<-r.taken
			}
			return
		}
	}
}

// roomy is a client whose commands pass the room.
type roomy struct {
	rueidis.Client
	room *room
}

func (c *roomy) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	left, err := c.room.enter(ctx)
	if err != nil {
		return rueidis.NewErrorResult(err)
	}
	result := c.Client.Do(ctx, cmd)
	c.room.leave(left, result.NonRedisError())
	return result
}

// DoMulti takes one place, as it does on a connection.
func (c *roomy) DoMulti(ctx context.Context, multi ...rueidis.Completed) []rueidis.RedisResult {
	left, err := c.room.enter(ctx)
	if err != nil {
		results := make([]rueidis.RedisResult, len(multi))
		for i := range results {
			results[i] = rueidis.NewErrorResult(err)
		}
		return results
	}
	results := c.Client.DoMulti(ctx, multi...)
	for i := range results {
		if err = results[i].NonRedisError(); err != nil {
			break
		}
	}
	c.room.leave(left, err)
	return results
}
