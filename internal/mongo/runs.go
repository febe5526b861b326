package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/dejahq/deja"
)

// CreateRun is part of deja.Store. The claim comes first, the run second. A
// node that dies in between leaves a claim without a run, which runs out.
func (s *Store) CreateRun(ctx context.Context, r *deja.Run, now time.Time) (*deja.Thread, error) {
	ctx = deja.Writing(ctx)
	if err := s.gate.enter(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	d := &runDoc{ID: r.ID, ThreadID: r.ThreadID, Version: 1, Order: bson.NewObjectID(), State: stateOf(r)}
	t, err := s.claim(ctx, r, now)
	if err == nil {
		err = s.runs.insert(ctx, d)
	}
	switch code := deja.ErrorCode(err); {
	case driver.IsDuplicateKeyError(err):
		return nil, s.claimedTwice(ctx, r)
	case code == deja.CodeNotFound || code == deja.CodeActiveRun:
		return nil, err
	case err != nil:
		s.unclaim(ctx, d)
		return nil, err
	}
	r.Version = 1
	return t.thread(), nil
}

// claim makes r the thread's active run, if no other is at now.
func (s *Store) claim(ctx context.Context, r *deja.Run, now time.Time) (*threadDoc, error) {
	free := bson.A{
		bson.D{{Key: "active_run", Value: ""}},
		bson.D{{Key: "active_run", Value: r.ID}}, // a retry
		bson.D{{Key: "active_until", Value: nil}},
		bson.D{{Key: "active_until", Value: bson.D{{Key: "$lte", Value: now}}}},
	}
	for {
		var t threadDoc
		claimed, err := s.threads.updated(ctx, append(byID(r.ThreadID), bson.E{Key: "$or", Value: free}),
			bson.D{{Key: "$set", Value: bson.D{{Key: "active_run", Value: r.ID}, {Key: "active_until", Value: r.ExpiresAt}}}}, &t)
		if err != nil {
			return nil, err
		}
		if claimed {
			return &t, nil
		}
		held, err := s.thread(ctx, s.threads.latest(), r.ThreadID)
		if err != nil {
			return nil, err
		}
		// A holder that has ended, and died before it freed the thread, does
		// not hold it.
		ended := held.ActiveRun == ""
		if !ended {
			if ended, err = s.ended(ctx, r.ThreadID, held.ActiveRun); err != nil {
				return nil, err
			}
		}
		if !ended {
			return nil, deja.Errorf(deja.CodeActiveRun, "Thread %.64s already has an active run %.64s.", r.ThreadID, held.ActiveRun)
		}
		free = append(free[:4:4], bson.D{{Key: "active_run", Value: held.ActiveRun}})
	}
}

// claimedTwice puts the claim of a run that exists already back to where it
// belongs, and says that it exists.
func (s *Store) claimedTwice(ctx context.Context, r *deja.Run) error {
	var d runDoc
	found, err := s.runs.latest().one(ctx, byID(r.ID), nil, &d)
	if err != nil {
		return err
	}
	if found && d.ThreadID == r.ThreadID && !d.State.Status.Terminal() {
		_, err = s.threads.update(ctx, heldBy(r.ThreadID, r.ID), set("active_until", d.State.ExpiresAt))
	} else {
		err = s.free(ctx, r.ThreadID, r.ID)
	}
	if err != nil {
		return err
	}
	return exists("run", r.ID)
}

// unclaim undoes a claim after an error that leaves open what was stored: it
// removes the run that this very call may have stored, and frees the thread,
// unless the run is there from an earlier call.
func (s *Store) unclaim(ctx context.Context, d *runDoc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	_, err := s.runs.delete(ctx, bson.D{{Key: "_id", Value: d.ID}, {Key: "ord", Value: d.Order}})
	earlier := false
	if err == nil {
		earlier, err = s.runs.latest().has(ctx, byID(d.ID))
	}
	if err == nil && !earlier {
		err = s.free(ctx, d.ThreadID, d.ID)
	}
	if err != nil {
		s.log.WarnContext(ctx, "a thread stays claimed by a run that was not stored", "thread", d.ThreadID, "until", d.State.ExpiresAt, "error", err)
	}
}

// ended reports whether a run is there and in a state that stays.
func (s *Store) ended(ctx context.Context, threadID, runID string) (bool, error) {
	var d runDoc
	found, err := s.runs.latest().one(ctx, runFilter(threadID, runID), bson.D{{Key: "status", Value: 1}}, &d)
	return found && d.State.Status.Terminal(), err
}

// freeThreads frees the threads that are held by runs which have ended, and
// were not freed because a node died. A thread so held is never stuck: the
// next run claims it all the same.
func (s *Store) freeThreads(ctx context.Context) error {
	held, err := find[threadDoc](ctx, s.threads.latest(), bson.D{{Key: "active_run", Value: bson.D{{Key: "$gt", Value: ""}}}},
		options.Find().SetProjection(bson.D{{Key: "active_run", Value: 1}}))
	if err != nil {
		return err
	}
	for _, t := range held {
		ended, err := s.ended(ctx, t.ID, t.ActiveRun)
		if err == nil && ended {
			err = s.free(ctx, t.ID, t.ActiveRun)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// free ends the run's claim on its thread, if it has it.
func (s *Store) free(ctx context.Context, threadID, runID string) error {
	_, err := s.threads.update(ctx, heldBy(threadID, runID),
		bson.D{{Key: "$set", Value: bson.D{{Key: "active_run", Value: ""}, {Key: "active_until", Value: nil}}}})
	return err
}

func heldBy(threadID, runID string) bson.D {
	return bson.D{{Key: "_id", Value: threadID}, {Key: "active_run", Value: runID}}
}

func runFilter(threadID, id string) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "thread_id", Value: threadID}}
}

// Run is part of deja.Store.
func (s *Store) Run(ctx context.Context, threadID, id string) (*deja.Run, error) {
	if err := s.gate.enter(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	var d runDoc
	found, err := s.runs.one(ctx, runFilter(threadID, id), nil, &d)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, noRun(id)
	}
	return d.run(), nil
}

// Runs is part of deja.Store.
func (s *Store) Runs(ctx context.Context, threadID string, p deja.Page) (deja.Listing[deja.Run], error) {
	if err := s.gate.enter(); err != nil {
		return deja.Listing[deja.Run]{}, err
	}
	defer s.gate.leave()
	if _, err := s.thread(ctx, s.threads, threadID); err != nil {
		return deja.Listing[deja.Run]{}, err
	}
	return list(ctx, listing[runDoc, deja.Run]{
		in: s.runs, filter: bson.D{{Key: "thread_id", Value: threadID}}, keys: []string{"created_at", "ord"}, convert: (*runDoc).run,
	}, p)
}

// terminal lists the states that stay.
var terminal = bson.A{deja.RunCancelled, deja.RunFailed, deja.RunCompleted, deja.RunIncomplete, deja.RunExpired}

// UpdateRun is part of deja.Store. The run changes first and the thread is
// freed second; when a node dies in between, the next claim sees that the
// holder has ended.
func (s *Store) UpdateRun(ctx context.Context, r *deja.Run) error {
	ctx = deja.Writing(ctx)
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	done, err := s.runs.update(ctx, append(runFilter(r.ThreadID, r.ID),
		bson.E{Key: "_v", Value: r.Version},
		bson.E{Key: "$or", Value: bson.A{
			bson.D{{Key: "status", Value: bson.D{{Key: "$nin", Value: terminal}}}},
			bson.D{{Key: "status", Value: r.Status}},
		}},
	), bson.D{
		{Key: "$set", Value: stateOf(r)},
		{Key: "$inc", Value: bson.D{{Key: "_v", Value: 1}}},
	})
	if err != nil {
		return err
	}
	if !done {
		return s.whyNot(ctx, r)
	}
	r.Version++
	if r.Status.Terminal() {
		// The run has ended, whether the thread can be freed now or not.
		if err := s.free(context.WithoutCancel(ctx), r.ThreadID, r.ID); err != nil {
			s.log.WarnContext(ctx, "a thread was not freed by its run", "thread", r.ThreadID, "run", r.ID, "error", err)
		}
	}
	return nil
}

// whyNot says why an update of a run found nothing.
func (s *Store) whyNot(ctx context.Context, r *deja.Run) error {
	var d runDoc
	found, err := s.runs.latest().one(ctx, runFilter(r.ThreadID, r.ID), bson.D{{Key: "status", Value: 1}, {Key: "_v", Value: 1}}, &d)
	switch {
	case err != nil:
		return err
	case !found:
		return noRun(r.ID)
	case d.Version == r.Version && d.State.Status.Terminal():
		return deja.Errorf(deja.CodeInvalid, "Run %.64s is %s and cannot become %s.", r.ID, d.State.Status, r.Status)
	}
	return changed("run", r.ID)
}

// unfinished is a list of the states in which a run can change: an index can
// be used for these, and not for what is no member of a list.
var unfinished = bson.A{deja.RunQueued, deja.RunInProgress, deja.RunRequiresAction, deja.RunCancelling}

// atWork is the list of those in which it is a node's turn.
var atWork = bson.A{deja.RunQueued, deja.RunInProgress, deja.RunCancelling}

// TouchRun is part of deja.Store.
func (s *Store) TouchRun(ctx context.Context, threadID, id string, seen time.Time) (deja.RunStatus, error) {
	ctx = deja.Writing(ctx)
	if err := s.gate.enter(); err != nil {
		return "", err
	}
	defer s.gate.leave()
	var d runDoc
	there, err := s.runs.updated(ctx, append(runFilter(threadID, id), bson.E{Key: "status", Value: bson.D{{Key: "$in", Value: atWork}}}),
		bson.D{{Key: "$set", Value: bson.D{{Key: "seen_at", Value: seen}}}}, &d)
	if err != nil {
		return "", err
	}
	if !there {
		if there, err = s.runs.latest().one(ctx, runFilter(threadID, id), bson.D{{Key: "status", Value: 1}}, &d); err != nil {
			return "", err
		}
		if !there {
			return "", noRun(id)
		}
	}
	return d.State.Status, nil
}

// UnfinishedRuns is part of deja.Store.
func (s *Store) UnfinishedRuns(ctx context.Context, seenBefore time.Time, limit int) ([]deja.Run, error) {
	if err := s.gate.enter(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	docs, err := find[runDoc](ctx, s.runs.latest(), bson.D{
		{Key: "status", Value: bson.D{{Key: "$in", Value: unfinished}}},
		{Key: "seen_at", Value: bson.D{{Key: "$lt", Value: seenBefore}}},
	}, options.Find().SetSort(bson.D{{Key: "seen_at", Value: 1}}).SetLimit(int64(limit)))
	if err != nil {
		return nil, err
	}
	runs := make([]deja.Run, len(docs))
	for i := range docs {
		runs[i] = *docs[i].run()
	}
	return runs, nil
}
