package fleet

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/monitor"
	"github.com/dejahq/deja/internal/price"
)

// days cuts what a node counts into days.
type days struct {
	mu    sync.Mutex
	share deja.DayShare  // of the present day
	from  monitor.Totals // when the day began, or this start
	last  monitor.Totals // when it was counted last
	saved int64          // Seq of the share that the store has
	past  []deja.DayShare
}

func newDays(start string, now time.Time, from monitor.Totals) *days {
	return &days{from: from, last: from, share: deja.DayShare{Node: start, DayTotals: deja.DayTotals{Day: deja.DayOf(now)}}}
}

// maxPast bounds the days that wait for a store which is away.
const maxPast = 60

// count takes the totals into the day, and gives its share. What was counted
// since the last time belongs to the day of that time when the day has changed:
// a second at most. Totals are read under the lock: of two who count at once,
// none then takes back what the other has counted.
func (d *days) count(now time.Time, read func() monitor.Totals) deja.DayShare {
	d.mu.Lock()
	defer d.mu.Unlock()
	totals := read()
	if totals != d.last {
		d.last = totals
		d.share.DayTotals = dayTotals(d.share.Day, totals.Sub(d.from))
		d.share.Seq++
	}
	if day := deja.DayOf(now); day > d.share.Day {
		if d.share.Seq > d.saved {
			d.past = append(d.past, d.share)
			d.past = d.past[max(len(d.past)-maxPast, 0):]
		}
		d.from, d.saved = totals, 0
		d.share = deja.DayShare{Node: d.share.Node, DayTotals: deja.DayTotals{Day: day}}
	}
	return d.share
}

func dayTotals(day string, t monitor.Totals) deja.DayTotals {
	return deja.DayTotals{
		Day: day, Requests: int64(t.Requests), Hits: int64(t.Hits), Misses: int64(t.Misses),
		StoreQueries: t.StoreReads, QueriesAvoided: t.StoreQueriesAvoided,
		ModelCalls: t.ModelCalls, ModelCallsAvoided: t.ModelCallsAvoided,
		Tokens: t.Tokens.Total(), TokensAvoided: t.TokensAvoided.Total(),
		MoneySpent: billionths(t.MoneySpent), MoneySaved: billionths(t.MoneySaved),
	}
}

// SaveDays stores what this node has counted of the present day, and of
// earlier ones that are not stored yet.
func (f *Fleet) SaveDays(ctx context.Context) error {
	d := f.days
	share := d.count(f.o.Now(), f.o.Monitor.Totals)
	d.mu.Lock()
	past, saved := slices.Clone(d.past), d.saved
	d.mu.Unlock()
	var errs []error
	for _, p := range past {
		if err := f.o.Store.SaveDay(ctx, p); err != nil {
			errs = append(errs, err)
			continue
		}
		d.mu.Lock()
		d.past = slices.DeleteFunc(d.past, func(o deja.DayShare) bool { return o == p })
		d.mu.Unlock()
	}
	if share.Seq > saved {
		if err := f.o.Store.SaveDay(ctx, share); err != nil {
			errs = append(errs, err)
		} else {
			d.mu.Lock()
			if d.share.Day == share.Day {
				d.saved = max(d.saved, share.Seq)
			}
			d.mu.Unlock()
		}
	}
	return errors.Join(errs...)
}

// maxDays is how many days can be asked for.
const maxDays = 400

// Days gives the last n days up to today, the oldest first, those without
// anything included.
func (f *Fleet) Days(ctx context.Context, n int) ([]deja.DayTotals, error) {
	if n < 1 || n > maxDays {
		return nil, deja.Errorf(deja.CodeInvalid, "n has to be from 1 to %d.", maxDays).WithParam("n")
	}
	if err := f.SaveDays(ctx); err != nil { // so that what is asked for just now is in it
		return nil, err
	}
	today := f.o.Now().UTC()
	stored, err := f.o.Store.Days(ctx, deja.DayOf(today.AddDate(0, 0, 1-n)))
	if err != nil {
		return nil, err
	}
	all := make([]deja.DayTotals, n)
	for i := range all {
		all[i].Day = deja.DayOf(today.AddDate(0, 0, i+1-n))
		for _, d := range stored {
			if d.Day == all[i].Day {
				all[i] = d
			}
		}
	}
	return all, nil
}

func billionths(m price.Money) int64 { return int64(m) }
