package cache

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/dejahq/deja/internal/redisconn"
)

// openRemote starts to look for Redis. Until it is found, the breaker is open.
func openRemote(e *Engine) error {
	ctx, cancel := context.WithCancel(context.Background())
	r := &remote{
		engine: e,
		stop:   cancel,
		kick:   make(chan struct{}, 1),
		ready:  make(chan struct{}),
	}
	e.remote = r
	r.fleet = fleet{remote: r, id: memberID(e.o.Node), kick: make(chan struct{}, 1), tried: make(chan struct{})}
	r.fleet.cursor.Store(-1)
	r.soft.clock, r.soft.after = e.clock, e.o.SoftTimeout
	r.breaker.slow, r.breaker.tell = e.o.SoftTimeout/2, r.trip
	r.breaker.open.Store(true)
	options := e.o.Redis.connection()
	if options.Name == "" {
		options.Name = "deja:" + e.o.Node
	}
	var err error
	r.conn, err = redisconn.OpenWith(options, redisconn.Hooks{
		Invalidated: r.pushed,
		Up:          func(rueidis.Client) { r.wake() },
		Down:        func(err error) { r.trip(err) },
	})
	if err != nil {
		cancel()
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	r.tasks.Go(func() { r.run(ctx) })
	r.tasks.Go(func() { r.fleet.run(ctx) })
	r.tasks.Go(func() { r.fleet.listen(ctx) })
	r.tasks.Go(func() { r.noteFills(ctx) })
	return nil
}

func (r *remote) close() {
	r.stop()
	r.tasks.Wait()
	r.closing.Store(true)
	_ = r.conn.Close()
}

func (r *remote) wake() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// trip opens the breaker.
func (r *remote) trip(err error) {
	if !r.breaker.open.Swap(true) && !r.closing.Load() {
		r.failed(err)
		r.engine.o.Logger.Warn("cache: redis is away", "error", err)
		r.engine.emit(Event{Kind: EventBreaker, State: "open", Message: "Redis is no longer asked: " + err.Error()})
	}
	r.wake()
}

const (
	minProbe = 50 * time.Millisecond
	maxProbe = time.Second
)

// run is the probe: while the breaker is open it asks, one question at a time
// and with growing pauses, whether Redis is back.
func (r *remote) run(ctx context.Context) {
	pause := minProbe
	for {
		var retry <-chan time.Time
		if r.breaker.open.Load() {
			if r.recover(ctx) {
				pause = minProbe
			} else {
				retry = time.After(pause)
				pause = min(2*pause, maxProbe)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-retry:
		case <-r.kick:
		}
	}
}

// recover asks Redis once, tells it what it missed, and closes the breaker.
func (r *remote) recover(ctx context.Context) bool {
	c, up := r.conn.Client()
	if !up {
		return false
	}
	r.breaker.probe.Store(true)
	defer r.breaker.probe.Store(false)
	if err := r.within(ctx, func(ctx context.Context) error { return r.ping(ctx, c) }); err != nil {
		r.failed(err)
		return false
	}
	if err := r.within(ctx, func(ctx context.Context) error { return r.settleLineage(ctx, c) }); err != nil {
		r.failed(err)
		return false
	}
	for {
		if err := r.replay(ctx, c); err != nil {
			r.failed(err)
			return false
		}
		r.breaker.score.Store(0)
		if r.missed.ifEmpty(func() { r.breaker.open.Store(false) }) {
			break
		}
	}
	// Whatever is in memory was not watched by Redis while it was away. Loads
	// that began before this moment are void for the same reason.
	r.engine.forget()
	r.fleet.lost()
	r.engine.o.Logger.Info("cache: redis is trusted")
	r.engine.emit(Event{Kind: EventBreaker, State: "closed", Message: "Redis is trusted"})
	if r.deaf.Swap(false) {
		r.engine.emit(Event{Kind: EventPush, State: "back", Message: "Redis pushes invalidations again"})
	}
	select {
	case <-r.ready:
		r.engine.emit(Event{Kind: EventEpoch, Message: "this node forgot everything in its memory, which Redis didn't watch while it was away"})
	default:
		close(r.ready)
	}
	return true
}

// replay tells Redis the invalidations that it missed. One that it refuses
// would be refused each time, and Redis never be trusted again: instead of such
// a one everything is invalidated.
func (r *remote) replay(ctx context.Context, c rueidis.Client) error {
	keys, groups := r.missed.take()
	var refused error
	again := func(do func(context.Context) error) error {
		err := r.within(ctx, do)
		if refusal(err) {
			refused = err
			return nil
		}
		return err
	}
	giveBack := func() {
		r.missed.giveBack(keys, groups)
		if refused != nil {
			r.missed.addGroup(groupAll)
		}
	}
	for g := range groups {
		if err := again(func(ctx context.Context) error { return r.bump(ctx, c, g) }); err != nil {
			giveBack()
			return err
		}
		delete(groups, g)
	}
	for k, v := range keys {
		err := again(func(ctx context.Context) error {
			_, err := r.invalidate(ctx, c, k.layer.key(k.id), v.version, v.always)
			return err
		})
		if err != nil {
			giveBack()
			return err
		}
		delete(keys, k)
	}
	if refused == nil {
		return nil
	}
	r.engine.o.Logger.Warn("cache: redis refuses an invalidation, so everything is invalidated", "error", refused)
	err := r.within(ctx, func(ctx context.Context) error { return r.bump(ctx, c, groupAll) })
	if err != nil {
		r.missed.addGroup(groupAll)
	}
	return err
}

// refusal says whether Redis will say the same each time it is asked.
func refusal(err error) bool {
	reply, ok := rueidis.IsRedisErr(err)
	return ok && !unfit(reply.Error()) && !strings.HasPrefix(reply.Error(), "OOM") && !strings.HasPrefix(reply.Error(), "MISCONF")
}
