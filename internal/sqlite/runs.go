package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/dejahq/deja"
)

func scanRun(r scanner) (*deja.Run, error) {
	run := &deja.Run{}
	var seen time.Time // Scan sets it last: the body's may be older
	err := r.Scan(jsonColumn{run}, timeColumn{&seen})
	run.SeenAt = seen
	return run, err
}

// body gives a run as it is stored.
func body(r *deja.Run, version int64) (string, error) {
	stored := *r
	stored.Version = version
	stored.Steps = slices.Clone(r.Steps)
	times := []*time.Time{&stored.CreatedAt, &stored.ExpiresAt, &stored.StartedAt, &stored.CompletedAt, &stored.CancelledAt, &stored.FailedAt, &stored.SeenAt}
	for i := range stored.Steps {
		step := &stored.Steps[i]
		times = append(times, &step.CreatedAt, &step.CompletedAt, &step.CancelledAt, &step.FailedAt)
	}
	for _, at := range times {
		*at = kept(*at)
	}
	return marshal(&stored)
}

// CreateRun claims a thread and stores the run that claims it.
func (s *Store) CreateRun(ctx context.Context, r *deja.Run, now time.Time) (*deja.Thread, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	text, err := body(r, 1)
	if err != nil {
		return nil, failure(err)
	}
	var th *deja.Thread
	err = s.docs.writer.transact(ctx, func(t *tx) (err error) {
		if th, err = foundThread(t.row(threadByID, r.ThreadID), r.ThreadID); err != nil {
			return err
		}
		if th.ActiveRun != "" && th.ActiveRun != r.ID && millis(th.ActiveUntil) > millis(now) {
			return deja.Errorf(deja.CodeActiveRun, "Thread %s already has an active run %s.", th.ID, th.ActiveRun)
		}
		_, err = t.exec("INSERT INTO runs (id, thread_id, created_at, version, status, seen_at, body) VALUES (?, ?, ?, 1, ?, ?, ?)",
			r.ID, r.ThreadID, timeColumn{&r.CreatedAt}, r.Status, timeColumn{&r.SeenAt}, text)
		if taken(err) {
			return exists("a run", r.ID)
		}
		if err != nil || r.Status.Terminal() {
			return err
		}
		th.ActiveRun, th.ActiveUntil = r.ID, kept(r.ExpiresAt)
		_, err = t.exec("UPDATE threads SET active_run = ?, active_until = ? WHERE id = ?", th.ActiveRun, timeColumn{&th.ActiveUntil}, th.ID)
		return err
	})
	if err != nil {
		return nil, failure(err)
	}
	r.Version = 1
	return th, nil
}

// Run reads a run.
func (s *Store) Run(ctx context.Context, threadID, id string) (*deja.Run, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	r, err := scanRun(s.docs.row(ctx, "SELECT body, seen_at FROM runs WHERE thread_id = ? AND id = ?", threadID, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("run", id)
	}
	if err != nil {
		return nil, failure(err)
	}
	return r, nil
}

// Runs lists the runs of a thread.
func (s *Store) Runs(ctx context.Context, threadID string, p deja.Page) (deja.Listing[deja.Run], error) {
	if err := s.enter(ctx); err != nil {
		return deja.Listing[deja.Run]{}, err
	}
	defer s.leave()
	l := listing{table: "runs", columns: "body, seen_at", key: "created_at, n", where: "thread_id = ?", args: []any{threadID}}
	return readThreadPage(ctx, s, threadID, l, p, scanRun)
}

// UpdateRun replaces a run of a version, and frees its thread when it ends.
func (s *Store) UpdateRun(ctx context.Context, r *deja.Run) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	text, err := body(r, r.Version+1)
	if err != nil {
		return failure(err)
	}
	err = s.docs.writer.transact(ctx, func(t *tx) error {
		var version int64
		var status deja.RunStatus
		err := t.row("SELECT version, status FROM runs WHERE thread_id = ? AND id = ?", r.ThreadID, r.ID).Scan(&version, &status)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return notFound("run", r.ID)
		case err != nil:
			return err
		case version != r.Version:
			return changed("run", r.ID)
		case status.Terminal() && r.Status != status:
			return invalid("The run '%s' is %s and cannot become %s.", r.ID, status, r.Status)
		}
		_, err = t.exec("UPDATE runs SET version = ?, status = ?, created_at = ?, seen_at = ?, body = ? WHERE thread_id = ? AND id = ?",
			version+1, r.Status, timeColumn{&r.CreatedAt}, timeColumn{&r.SeenAt}, text, r.ThreadID, r.ID)
		if err != nil || !r.Status.Terminal() {
			return err
		}
		free := deja.Thread{}.ActiveUntil
		_, err = t.exec("UPDATE threads SET active_run = '', active_until = ? WHERE id = ? AND active_run = ?", timeColumn{&free}, r.ThreadID, r.ID)
		return err
	})
	if err != nil {
		return failure(err)
	}
	r.Version++
	return nil
}

// unfinished is the condition of the index runs_unfinished, word for word.
const unfinished = "status NOT IN ('cancelled', 'failed', 'completed', 'incomplete', 'expired')"

// TouchRun sets SeenAt of a run that a node is at work on.
func (s *Store) TouchRun(ctx context.Context, threadID, id string, seen time.Time) (deja.RunStatus, error) {
	if err := s.enter(ctx); err != nil {
		return "", err
	}
	defer s.leave()
	var status deja.RunStatus
	err := s.docs.writer.transact(ctx, func(t *tx) error {
		_, err := t.exec("UPDATE runs SET seen_at = ? WHERE thread_id = ? AND id = ? AND status <> ? AND "+unfinished,
			timeColumn{&seen}, threadID, id, deja.RunRequiresAction)
		if err != nil {
			return err
		}
		err = t.row("SELECT status FROM runs WHERE thread_id = ? AND id = ?", threadID, id).Scan(&status)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("run", id)
		}
		return err
	})
	return status, failure(err)
}

// UnfinishedRuns gives runs that nobody seems to be at work on.
func (s *Store) UnfinishedRuns(ctx context.Context, seenBefore time.Time, limit int) ([]deja.Run, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	var runs []deja.Run
	err := s.docs.each(ctx, func(r scanner) error {
		run, err := scanRun(r)
		if err == nil {
			runs = append(runs, *run)
		}
		return err
	}, "SELECT body, seen_at FROM runs WHERE "+unfinished+" AND seen_at < ? ORDER BY seen_at LIMIT ?", timeColumn{&seenBefore}, limit)
	return runs, failure(err)
}
