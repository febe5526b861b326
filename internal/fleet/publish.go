package fleet

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/dejahq/deja/internal/redisconn"
)

// within is how long Redis may take for one of our scripts.
const within = 2 * time.Second

func (f *Fleet) key() string { return "{" + f.o.Prefix + "fleet}:counts" }

// call runs a script while Redis is there.
func (f *Fleet) call(ctx context.Context, script *rueidis.Lua, args ...string) (rueidis.RedisResult, error) {
	client, alive := f.conn.Client()
	if !alive {
		return rueidis.RedisResult{}, redisconn.ErrAway
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	res := script.Exec(ctx, client, []string{f.key()}, args)
	return res, res.Error()
}

// Publish tells the fleet what this node has counted up to now.
func (f *Fleet) Publish(ctx context.Context) error {
	if f.conn == nil {
		return nil
	}
	return f.publish(ctx, stateLive)
}

func (f *Fleet) publish(ctx context.Context, s state) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	// Twice: after a reset of the fleet the second time tells the new counts.
	for range 2 {
		totals := f.o.Monitor.Totals() // before the snapshot: what comes between is published again
		packed, err := f.record().encode()
		if err != nil {
			return fmt.Errorf("fleet: %w", err)
		}
		f.seq++
		res, err := f.call(ctx, publishScript, *f.start.Load(), packed, strconv.FormatInt(f.seq, 10), string(s), strconv.FormatInt(f.period, 10), keep)
		if err != nil {
			return err
		}
		answer, err := res.AsStrSlice()
		if err != nil || len(answer) != 2 {
			return fmt.Errorf("fleet: Redis answered %q: %w", answer, err)
		}
		period, err := strconv.ParseInt(answer[1], 10, 64)
		if err != nil {
			return fmt.Errorf("fleet: Redis answered %q: %w", answer, err)
		}
		switch answer[0] {
		case "ok":
			f.period, f.published, f.at = period, totals, time.Now()
			return nil
		case "reset":
			f.o.Logger.InfoContext(ctx, "the fleet's counters were reset; this node's are too")
		case "gone":
			if s == stateEnded {
				return nil // this start has ended already
			}
			f.o.Logger.WarnContext(ctx, "this node was away for so long that its counts were closed; it counts anew", "after", f.o.RetireAfter)
			f.start.Store(new(*f.start.Load() + "+"))
			f.seq = 0
		}
		f.period = period
		f.o.Monitor.Reset()
	}
	return nil
}

// record sums this node up.
func (f *Fleet) record() *record {
	share := f.days.count(f.o.Now(), f.o.Monitor.Totals)
	return &record{
		Format: format, Name: f.o.Node, Version: f.o.Version, Started: f.started, Gauges: f.o.Gauges(),
		Day: share, Snapshot: f.o.Monitor.Snapshot(),
	}
}

// Reset makes all nodes count from zero: this one at once, the others when
// they publish next.
func (f *Fleet) Reset(ctx context.Context) error {
	if f.conn == nil {
		f.o.Monitor.Reset()
		return nil
	}
	f.mu.Lock()
	res, err := f.call(ctx, resetScript, keep)
	if err == nil {
		f.period, err = res.AsInt64()
	}
	f.mu.Unlock()
	if err != nil {
		return err
	}
	f.o.Monitor.Reset()
	return f.Publish(ctx)
}
