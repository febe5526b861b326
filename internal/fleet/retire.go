package fleet

import (
	"context"
	"errors"
	"strconv"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/monitor"
)

// Retire adds the records of nodes that ended, or are lost for good, to the
// retired sum, and saves what lost nodes had counted of the day. Any node may,
// at any time: what another has done already changes nothing.
func (f *Fleet) Retire(ctx context.Context) error {
	if f.conn == nil {
		return nil
	}
	f.retiring.Lock()
	defer f.retiring.Unlock()
	c, err := f.read(ctx)
	if err != nil {
		return err
	}
	var errs []error
	var closed []string // start and mark of each
	sum := &record{Format: format}
	if c.retired != nil {
		sum = c.retired
	}
	sum.Snapshot = settle(sum.Snapshot, c.now)
	for start, e := range c.starts {
		if start == *f.start.Load() {
			continue
		}
		ago := c.now.Sub(e.seen)
		if e.state == stateLive && ago > f.lostAfter {
			errs = append(errs, f.rescue(ctx, start, e.record.Day))
		}
		if e.state == stateEnded || ago > f.o.RetireAfter {
			sum.Snapshot = retired(sum.Snapshot, settle(e.record.Snapshot, c.now))
			closed = append(closed, start, e.raw)
		}
	}
	for start := range f.rescued {
		if _, ok := c.starts[start]; !ok {
			delete(f.rescued, start)
		}
	}
	var served []string
	for start, at := range c.gone {
		if c.now.Sub(at) > f.o.RetireAfter {
			served = append(served, start)
		}
	}
	if len(closed)+len(served) == 0 || c.retired == nil && c.unread > 0 {
		return errors.Join(errs...)
	}
	packed, err := sum.encode()
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	args := []string{c.version, c.period, packed, keep, strconv.Itoa(len(closed) / 2)}
	_, err = f.call(ctx, retireScript, append(append(args, closed...), served...)...)
	return errors.Join(append(errs, err)...)
}

// rescue saves what a lost node had counted of a day, once.
func (f *Fleet) rescue(ctx context.Context, start string, share deja.DayShare) error {
	if share.Seq == 0 || share.Seq == f.rescued[start] {
		return nil
	}
	err := f.o.Store.SaveDay(ctx, share)
	if err == nil {
		f.rescued[start] = share.Seq
	}
	return err
}

// maxAccounts bounds the accounts of the retired sum. Assistants come and go;
// with an account for each that ever was, the sum would grow until it could not
// be read any more.
const maxAccounts = 1000

// retired adds a record to the sum. An empty sum has no currency, and no time
// since which it counts.
func retired(sum, s monitor.Snapshot) monitor.Snapshot {
	if !sum.Since.IsZero() {
		s = sum.Merge(s)
	}
	return s.Bounded(maxAccounts)
}
