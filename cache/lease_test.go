package cache_test

import (
	"testing"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

func TestCloseDoesNotWaitForLeases(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	e, l := node(t, srv.URL())
	_, _, lease := l.Claim(t.Context(), "x")
	if !lease.Held() {
		t.Fatal("no claim")
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if stored, err := lease.Fill(t.Context(), "late", cache.Fill{}); err != nil {
		t.Fatal(stored, err)
	}
	if _, err := srv.Do("GET", "thing:x"); err == nil {
		t.Fatal("filled after Close")
	}
	lease.Release(t.Context())
}
