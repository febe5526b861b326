package storetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dejahq/deja"
)

// ok ends the test if err is not nil.
func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error (%s): %v", deja.ErrorCode(err), err)
	}
}

// wantCode checks that err is a *deja.Error with the code.
func wantCode(t testing.TB, err error, code deja.Code) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", code)
	}
	if _, is := errors.AsType[*deja.Error](err); !is {
		t.Fatalf("error %q has no code, want %s", err, code)
	}
	if got := deja.ErrorCode(err); got != code {
		t.Fatalf("error %q has code %s, want %s", err, got, code)
	}
}

// same checks that two values are equal as a store keeps them: nil and empty
// are one, JSON counts without its white space.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	// EquateEmpty compares the empty ones already, and only one may.
	written := func(a, b json.RawMessage) bool { return len(a) > 0 || len(b) > 0 }
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.FilterValues(written, cmp.Comparer(sameJSON))); d != "" {
		t.Fatalf("%s (-want +got):\n%s", what, d)
	}
}

// sameJSON compares JSON texts without their white space: the order of keys
// and the spelling of numbers count, because models see them.
func sameJSON(a, b json.RawMessage) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	var x, y bytes.Buffer
	if json.Compact(&x, a) != nil || json.Compact(&y, b) != nil {
		return bytes.Equal(a, b)
	}
	return bytes.Equal(x.Bytes(), y.Bytes())
}

// kept gives a time as a store keeps it.
func kept(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// wantKept checks that times read from a store are UTC and whole milliseconds.
func wantKept(t testing.TB, times ...time.Time) {
	t.Helper()
	for _, at := range times {
		if at.Location() != time.UTC {
			t.Errorf("time %v is in %v, want UTC", at, at.Location())
		}
		if at.Nanosecond()%int(time.Millisecond) != 0 {
			t.Errorf("time %v has parts of a millisecond", at)
		}
	}
}

// together calls f(0) to f(n-1) at the same time, waits, and fails the test
// on any error.
func together(t testing.TB, n int, f func(i int) error) {
	t.Helper()
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	ok(t, errors.Join(errs...))
}
