package deja

import "testing"

func TestWithQueryCount(t *testing.T) {
	t.Parallel()
	var process QueryCount
	ctx := WithQueryCount(t.Context(), &process)
	inner, request := CountQueries(ctx)
	CountRead(inner)
	CountWrite(ctx)
	if r, w := process.Reads.Load(), process.Writes.Load(); r != 1 || w != 1 {
		t.Errorf("the process's counter: %d reads, %d writes, want 1 and 1", r, w)
	}
	if r, w := request.Reads.Load(), request.Writes.Load(); r != 1 || w != 0 {
		t.Errorf("the request's counter: %d reads, %d writes, want 1 and 0", r, w)
	}
	if WithQueryCount(inner, new(QueryCount)) != inner {
		t.Error("a context that counts already was given another counter")
	}
}
