package answer

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
)

func collect[T any](ctx context.Context, f *feed[T]) (items []T, err error) {
	for item, e := range f.read(ctx, nil) {
		if e != nil {
			return items, e
		}
		items = append(items, item)
	}
	return items, nil
}

func TestFeedReadersSeeEverythingFromTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f feed[int]
		var want []int
		results := make(chan []int, 30)
		for i := range 30 {
			go func() {
				got, err := collect(t.Context(), &f)
				if err != nil {
					t.Error(err)
				}
				results <- got
			}()
			f.add(2*i, 2*i+1) // readers join all along the way
			want = append(want, 2*i, 2*i+1)
		}
		f.end(nil)
		f.add(-1) // nothing comes after the end
		f.end(errors.New("too late"))
		for range 30 {
			if got := <-results; !slices.Equal(got, want) {
				t.Fatalf("a reader saw %v", got)
			}
		}
	})
}

func TestFeedSlowReaderHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f feed[int]
		resume := make(chan struct{})
		slow := make(chan int)
		go func() {
			n := 0
			for range f.read(t.Context(), nil) {
				if n++; n == 1 {
					<-resume
				}
			}
			slow <- n
		}()
		f.add(0)
		synctest.Wait() // the slow reader hangs on its first item
		for i := range 1000 {
			f.add(i)
		}
		f.end(nil)
		if got, err := collect(t.Context(), &f); len(got) != 1001 || err != nil {
			t.Fatalf("the fast reader got %d items, %v", len(got), err)
		}
		close(resume)
		if n := <-slow; n != 1001 {
			t.Fatalf("the slow reader got %d items", n)
		}
	})
}

func TestFeedErrorComesLast(t *testing.T) {
	broken := errors.New("broken")
	var f feed[string]
	f.add("a")
	f.end(broken)
	got, err := collect(t.Context(), &f)
	if !slices.Equal(got, []string{"a"}) || !errors.Is(err, broken) {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestFeedReaderLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f feed[int]
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		done := make(chan error)
		go func() {
			_, err := collect(ctx, &f)
			done <- err
		}()
		synctest.Wait()
		cancel(gone)
		if err := <-done; !errors.Is(err, gone) {
			t.Fatalf("got %v", err)
		}
	})
}

// TestFeedTellsBeforeItWaits: readers are told when nothing more is ready, and
// only then.
func TestFeedTellsBeforeItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f feed[string]
		var log []string
		read := func(idle func() error) (last error) {
			for item, err := range f.read(t.Context(), idle) {
				if last = err; err == nil {
					log = append(log, item)
				}
			}
			return last
		}
		idle := func() error { log = append(log, "idle"); return nil }
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := read(idle); err != nil {
				t.Error(err)
			}
		}()
		for _, items := range [][]string{{"a", "b"}, {"c"}} {
			synctest.Wait()
			f.add(items...)
		}
		synctest.Wait()
		f.end(nil)
		<-done
		if want := []string{"idle", "a", "b", "idle", "c", "idle"}; !slices.Equal(log, want) {
			t.Errorf("%q, want %q", log, want)
		}
		log = nil
		if err := read(idle); err != nil || !slices.Equal(log, []string{"a", "b", "c"}) {
			t.Errorf("all that is there: %q, %v", log, err)
		}

		f, log = feed[string]{}, nil
		f.add("a")
		gone := errors.New("gone")
		if err := read(func() error { return gone }); !errors.Is(err, gone) || !slices.Equal(log, []string{"a"}) {
			t.Errorf("a reader that fails when it is told: %q, %v", log, err)
		}
	})
}
