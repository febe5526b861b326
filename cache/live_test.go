package cache_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/redistest"
)

// followed reads a live stream to its end.
func followed(ctx context.Context, l *cache.Layer[string], id string) (pieces []string, err error) {
	for p, err := range l.Follow(ctx, id) {
		if err != nil {
			return pieces, err
		}
		if p.Piece == nil {
			continue
		}
		pieces = append(pieces, string(p.Piece))
		if p.Last {
			return pieces, nil
		}
	}
	return pieces, errors.New("the stream ended without its last piece")
}

// TestFollowersReadEverything: whenever a follower comes, on whichever node, it
// reads all pieces once, in order, up to the last.
func TestFollowersReadEverything(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL())
	_, b := node(t, srv.URL())
	_, c := node(t, srv.URL())
	_, ok, lease := a.Claim(t.Context(), "x")
	if ok || !lease.Held() {
		t.Fatal("no lease")
	}
	if lease.Followed() {
		t.Error("followed before anybody follows")
	}
	var want []string
	for i := range 40 {
		want = append(want, fmt.Sprint("piece ", i))
	}
	var all sync.WaitGroup
	for i, piece := range want {
		if i%10 == 0 { // followers join all along the way
			for _, l := range []*cache.Layer[string]{b, c} {
				all.Go(func() {
					if got, err := followed(t.Context(), l, "x"); err != nil || !slices.Equal(got, want) {
						t.Errorf("%v, %v", got, err)
					}
				})
			}
		}
		publish := lease.Publish
		if i == len(want)-1 {
			publish = lease.PublishEnd
		}
		if stands, err := publish(t.Context(), []byte(piece)); !stands || err != nil {
			t.Fatal(stands, err)
		}
	}
	all.Wait()
	if !lease.Followed() {
		t.Error("not followed")
	}
	if stored, err := lease.Fill(t.Context(), "whole", cache.Fill{}); !stored || err != nil {
		t.Fatal(stored, err)
	}
	if m, err := srv.Do("PTTL", "{thing:x}:live"); err != nil {
		t.Error(err)
	} else if n, _ := m.AsInt64(); n <= 0 {
		t.Errorf("the stream has TTL %d", n)
	}
	if _, err := followed(t.Context(), b, "x"); !errors.Is(err, cache.ErrNoHolder) {
		t.Errorf("with nobody to follow: %v", err)
	}
}

// die takes away what stands for a holder in Redis, as time does when the
// holder died.
func die(t *testing.T, srv *redistest.Server, id string) {
	t.Helper()
	m, err := srv.Do("GET", "{thing:"+id+"}:lease")
	if err != nil {
		t.Error(err)
		return
	}
	nonce, _ := m.ToString()
	if _, err := srv.Do("DEL", "{thing:"+id+"}:lease", "{thing:"+id+"}:maker:"+nonce); err != nil {
		t.Error(err)
	}
}

// TestFollowersNoticeTheEnd: a follower of a holder that gave up or died is
// told so; pieces of a former holder are not mixed with the next one's.
func TestFollowersNoticeTheEnd(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	_, a := node(t, srv.URL())
	_, b := node(t, srv.URL())
	for name, end := range map[string]func(id string, l *cache.Lease[string]){
		"released": func(_ string, l *cache.Lease[string]) { l.Release(t.Context()) },
		"died":     func(id string, _ *cache.Lease[string]) { die(t, srv, id) },
	} {
		t.Run(name, func(t *testing.T) {
			_, _, lease := a.Claim(t.Context(), name)
			if stands, err := lease.Publish(t.Context(), []byte("of the first")); !stands || err != nil {
				t.Fatal(stands, err)
			}
			var got []string
			var end1 error
			for p, err := range b.Follow(t.Context(), name) {
				if err != nil {
					end1 = err
					break
				}
				if p.Piece == nil {
					continue
				}
				got = append(got, string(p.Piece))
				end(name, lease)
			}
			if !errors.Is(end1, cache.ErrNoHolder) || !slices.Equal(got, []string{"of the first"}) {
				t.Fatalf("%v, %v", got, end1)
			}
			if stands, err := lease.Publish(t.Context(), []byte("too late")); stands || err != nil {
				t.Errorf("published without the lease: %t, %v", stands, err)
			}
			lease.Release(t.Context())

			_, ok, next := b.Claim(t.Context(), name)
			if ok || !next.Held() {
				t.Fatal("no lease for the next")
			}
			if stands, err := next.PublishEnd(t.Context(), []byte("of the next")); !stands || err != nil {
				t.Fatal(stands, err)
			}
			if got, err := followed(t.Context(), a, name); err != nil || !slices.Equal(got, []string{"of the next"}) {
				t.Errorf("%v, %v", got, err)
			}
			next.Release(t.Context())
		})
	}
}

// TestFollowWithoutRedis: nobody to follow, at once.
func TestFollowWithoutRedis(t *testing.T) {
	t.Parallel()
	l := layer(t, open(t, cache.Options{}), cache.LayerOptions[string]{})
	if _, err := followed(t.Context(), l, "x"); !errors.Is(err, cache.ErrNoHolder) {
		t.Errorf("memory only: %v", err)
	}
	srv := redistest.Start(t)
	_, a := node(t, srv.URL())
	_, b := node(t, srv.URL())
	_, _, lease := a.Claim(t.Context(), "x")
	defer lease.Release(t.Context())
	if _, err := lease.Publish(t.Context(), []byte("one")); err != nil {
		t.Fatal(err)
	}
	for p, err := range b.Follow(t.Context(), "x") {
		if err != nil {
			if !errors.Is(err, cache.ErrNoHolder) {
				t.Errorf("Redis killed: %v", err)
			}
			break
		}
		if p.Piece != nil {
			if string(p.Piece) != "one" {
				t.Errorf("%s", p.Piece)
			}
			srv.Kill()
		}
	}
}
