package answer

import (
	"context"
	"iter"
	"sync"
)

// feed is a growing list that any number of readers follow, each at its own
// pace: what was added stays, so a late or slow reader misses nothing and
// holds nobody up.
type feed[T any] struct {
	mu      sync.Mutex
	items   []T
	from    int // where new readers begin
	ended   bool
	err     error
	changed chan struct{} // closed and replaced on every change; nil while nobody waits
}

// add appends items and wakes the readers. Nothing is added after the end.
func (f *feed[T]) add(items ...T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return
	}
	f.items = append(f.items, items...)
	f.wake()
}

// renew adds an item that makes those before it void: readers who have read
// some of them see it, new ones begin behind it.
func (f *feed[T]) renew(item T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return
	}
	f.items = append(f.items, item)
	f.from = len(f.items)
	f.wake()
}

// end lets readers finish, with err if it is not nil. The first end counts.
func (f *feed[T]) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return
	}
	f.ended, f.err = true, err
	f.wake()
}

func (f *feed[T]) wake() {
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

// read yields the items from the first on, waiting for more until the end. It
// yields the feed's error, or the context's, as the last element. Whenever it is
// about to wait it calls idle first, unless that is nil; an error of idle's is the
// last element too.
func (f *feed[T]) read(ctx context.Context, idle func() error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		for batch, err := range f.batches(ctx, idle) {
			for _, item := range batch {
				if !yield(item, nil) {
					return
				}
			}
			if err != nil {
				yield(zero, err)
			}
		}
	}
}

// batches is read with all that is there at a time.
func (f *feed[T]) batches(ctx context.Context, idle func() error) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		next := -1
		for {
			f.mu.Lock()
			if next < 0 {
				next = f.from
			}
			fresh, ended, err := f.items[next:], f.ended, f.err
			var changed chan struct{}
			if len(fresh) == 0 && !ended {
				if f.changed == nil {
					f.changed = make(chan struct{})
				}
				changed = f.changed
			}
			f.mu.Unlock()

			switch {
			case len(fresh) > 0:
				if !yield(fresh, nil) {
					return
				}
				next += len(fresh)
			case ended:
				if err != nil {
					yield(nil, err)
				}
				return
			default:
				if idle != nil {
					if err := idle(); err != nil {
						yield(nil, err)
						return
					}
				}
				select {
				case <-changed:
				case <-ctx.Done():
					yield(nil, context.Cause(ctx))
					return
				}
			}
		}
	}
}
