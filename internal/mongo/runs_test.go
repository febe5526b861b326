package mongo

import (
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/mongotest"
)

// TestRunsThatExist creates runs whose ids are taken: by a run that has ended,
// by one of another thread, and by one that holds the thread. The claim that
// comes before the run is put back.
func TestRunsThatExist(t *testing.T) {
	t.Parallel()
	s := openStore(t, mongotest.Start(t))
	create := func(r *deja.Run) error {
		_, err := s.CreateRun(t.Context(), r, time.Now())
		return err
	}
	wantConflict := func(r deja.Run) {
		t.Helper()
		r.ExpiresAt = r.ExpiresAt.Add(time.Hour)
		if err := create(&r); deja.ErrorCode(err) != deja.CodeConflict {
			t.Errorf("%v, want %s", err, deja.CodeConflict)
		}
	}
	th, other := newThread(t, s), newThread(t, s)
	ended, holder := newRun(th.ID), newRun(th.ID)
	for _, r := range []*deja.Run{ended, holder} {
		if err := create(r); err != nil {
			t.Fatal(err)
		}
		if r == ended {
			r.Status = deja.RunCompleted
			if err := s.UpdateRun(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			wantConflict(*ended)
			wantHolder(t, s, th.ID, "")
		}
	}
	wantConflict(*holder)
	held, err := s.Thread(t.Context(), th.ID)
	if err != nil || held.ActiveRun != holder.ID || !held.ActiveUntil.Equal(holder.ExpiresAt.Truncate(time.Millisecond)) {
		t.Errorf("the thread is held by %+v, %v", held, err)
	}
	elsewhere := *holder
	elsewhere.ThreadID = other.ID
	wantConflict(elsewhere)
	wantHolder(t, s, other.ID, "")
}
