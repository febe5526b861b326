package openaiapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/price"
)

func (a *API) createRun(w *response, r *http.Request) error {
	thread, err := threadID(r)
	if err != nil {
		return err
	}
	o, err := a.body(r)
	if err != nil {
		return err
	}
	req, stream := a.readRun(r.Header, o)
	if v, ok := o.opt("additional_messages"); ok {
		for _, e := range v.array(0) {
			req.Messages = append(req.Messages, a.readMessage(e.object()))
		}
	}
	if err := o.err(); err != nil {
		return err
	}
	req.ThreadID = thread
	if req.ID, err = idempotentID(r, deja.RunPrefix, thread); err != nil {
		return err
	}
	run, err := a.answer.StartRun(r.Context(), req)
	if err != nil {
		return err
	}
	return a.sendRun(w, r, run, stream, nil)
}

// createThreadAndRun leaves no thread behind when the run can't begin.
func (a *API) createThreadAndRun(w *response, r *http.Request) error {
	ctx := r.Context()
	o, err := a.body(r)
	if err != nil {
		return err
	}
	req, stream := a.readRun(r.Header, o)
	sub := object{d: o.d, path: "thread"}
	if v, ok := o.opt("thread"); ok {
		sub = v.object()
	}
	t, ms := a.readNewThread(sub)
	if v, ok := o.opt("tool_resources"); ok {
		v.toolResources()
	}
	if err := o.err(); err != nil {
		return err
	}
	if _, err := a.layers.Assistant(ctx, req.AssistantID); err != nil {
		return err
	}
	same, err := idempotentID(r, deja.ThreadPrefix, "")
	if err != nil {
		return err
	}
	if same != "" {
		t.ID, req.ID = same, deja.DerivedID(deja.RunPrefix, same)
		for i, m := range ms {
			m.ID = deja.DerivedID(deja.MessagePrefix, same, strconv.Itoa(i))
		}
	}
	err = a.layers.CreateThread(ctx, t, ms...)
	if same != "" && deja.ErrorCode(err) == deja.CodeConflict {
		// The request was sent before, but its messages may not be there: not
		// yet, or because its node was lost.
		_, err = a.layers.AppendMessages(ctx, t.ID, ms...)
	}
	if err != nil {
		return err
	}
	req.ThreadID = t.ID
	run, err := a.answer.StartRun(ctx, req)
	if err != nil {
		if same != "" {
			return err // sent again, it goes on from here
		}
		if e := a.layers.DeleteThread(context.WithoutCancel(ctx), t.ID); e != nil {
			a.log.WarnContext(ctx, "a thread without a run was left behind", "thread", t.ID, "error", e)
		}
		return err
	}
	return a.sendRun(w, r, run, stream, t)
}

func (a *API) submitToolOutputs(w *response, r *http.Request) error {
	thread, run, err := runIDs(r)
	if err != nil {
		return err
	}
	o, err := a.body(r)
	if err != nil {
		return err
	}
	outputs := readToolOutputs(o)
	stream := readStream(o)
	if err := o.err(); err != nil {
		return err
	}
	s, err := a.answer.SubmitToolOutputs(r.Context(), thread, run, outputs)
	if err != nil {
		return err
	}
	return a.sendRun(w, r, s, stream, nil)
}

// sendRun answers with the run as it began, or with its events. created is the
// thread that was created with it.
func (a *API) sendRun(w *response, r *http.Request, s *answer.RunStream, stream bool, created *deja.Thread) error {
	w.outcome, w.key, w.age, w.bill, w.fallback = s.Outcome, s.Key, s.Age, s.Bill, s.Fallback()
	if !stream {
		pollSoon(w, s.Run)
		return w.write(http.StatusOK, showRun(s.Run))
	}
	w.outcome, w.age, w.stale = s.Settled(r.Context())
	if w.stale {
		w.bill.Cost = new(price.Money) // what was about to be paid was not
	}
	w.fallback = s.Fallback()
	e := newEventStream(w)
	defer e.close()
	if created != nil {
		if err := e.send("thread.created", showThread(created)); err != nil {
			return err
		}
	}
	run := s.Run
	err := relay(e, "error", s.Events(r.Context(), e.flush), func(ev answer.RunEvent) error {
		if ev.Run != nil {
			run = ev.Run
		}
		return e.send(ev.Name, showEvent(run, ev))
	})
	if err != nil {
		return err
	}
	return e.done("done")
}

// pollMilliseconds is how soon SDKs should look at a run again that goes on.
// Their own default, a second and more, is long for an answer from a cache.
const pollMilliseconds = 100

func pollSoon(w *response, run *deja.Run) {
	if !run.Status.Terminal() {
		w.Header().Set("Openai-Poll-After-Ms", strconv.Itoa(pollMilliseconds))
	}
}

func runIDs(r *http.Request) (thread, run string, err error) {
	if thread, err = threadID(r); err != nil {
		return "", "", err
	}
	run, err = pathID(r, "run_id", deja.RunPrefix, "run")
	return thread, run, err
}

func (a *API) getRun(w *response, r *http.Request) error {
	thread, id, err := runIDs(r)
	if err != nil {
		return err
	}
	run, err := a.layers.Store().Run(r.Context(), thread, id)
	if err != nil {
		return err
	}
	pollSoon(w, run)
	return w.write(http.StatusOK, showRun(run))
}

func (a *API) listRuns(w *response, r *http.Request) error {
	thread, err := threadID(r)
	if err != nil {
		return err
	}
	p, err := page(r, deja.RunPrefix)
	if err != nil {
		return err
	}
	l, err := a.layers.Store().Runs(r.Context(), thread, p)
	if err != nil {
		return err
	}
	return w.write(http.StatusOK, newList(l, showRun, func(run *deja.Run) string { return run.ID }))
}

// modifyRun changes metadata only. It may write while the run goes on; whoever
// loses reads again and writes its own part.
func (a *API) modifyRun(w *response, r *http.Request) error {
	thread, id, err := runIDs(r)
	if err != nil {
		return err
	}
	o, err := a.body(r)
	if err != nil {
		return err
	}
	metadata, given, err := readMetadata(o)
	if err != nil {
		return err
	}
	run, err := deja.EditRun(r.Context(), a.layers.Store(), thread, id, func(run *deja.Run) error {
		if given {
			run.Metadata = metadata
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.write(http.StatusOK, showRun(run))
}

func (a *API) cancelRun(w *response, r *http.Request) error {
	thread, id, err := runIDs(r)
	if err != nil {
		return err
	}
	if _, err := a.body(r); err != nil {
		return err
	}
	run, err := a.answer.CancelRun(r.Context(), thread, id)
	if err != nil {
		return err
	}
	pollSoon(w, run)
	return w.write(http.StatusOK, showRun(run))
}
