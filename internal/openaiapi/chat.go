package openaiapi

import (
	"context"
	"net/http"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/answer"
)

func (a *API) createChatCompletion(w *response, r *http.Request) error {
	ctx := r.Context()
	o, err := a.body(r)
	if err != nil {
		return err
	}
	q := readChat(o)
	q.Client = client(r.Header, o)
	q.Control = control(r.Header, o)
	if err := o.err(); err != nil {
		return err
	}
	reply, err := a.answer.Ask(ctx, q.Question)
	if deja.ErrorCode(err) == deja.CodeNotFound {
		return noModel(q.AssistantID)
	}
	if err != nil {
		return err
	}
	w.outcome, w.key, w.age, w.bill = reply.Outcome, reply.Key, reply.Age, reply.Bill()
	head := completion{ID: deja.NewID(deja.CompletionPrefix), Created: seconds(a.o.Now()), Model: q.AssistantID}
	if q.stream {
		return streamChat(ctx, w, reply, head, q.usage)
	}
	whole, err := reply.Wait(ctx)
	if err != nil {
		return err
	}
	w.learn(reply, whole.Fallback)
	c := head.whole(whole)
	c.Deja = showBill(reply, whole.Fallback)
	return w.write(http.StatusOK, c)
}

// learn takes over what is known of an answer's origin only when it begins.
func (w *response) learn(r *answer.Reply, fallback string) {
	w.outcome, w.age, w.fallback, w.bill = r.Outcome, r.Age, fallback, r.Bill()
	_, w.stale = r.Stale()
}

func noModel(id string) error {
	return reasoned(deja.CodeNotFound, "model_not_found", "There is no model '%.64s': a model is the id of an assistant.", id).WithParam("model")
}

// streamChat sends an answer as it comes: the role, the deltas, the finish
// reason, the usage when it is wanted, and the mark of the end.
func streamChat(ctx context.Context, w *response, reply *answer.Reply, head completion, usage bool) error {
	e := newEventStream(w)
	defer e.close()
	head.usage = usage
	begun, finished := false, false
	err := relay(e, "error", reply.Deltas(ctx, e.flush), func(d deja.Delta) error {
		if !begun {
			begun = true
			e.before(func(w *response) { w.learn(reply, d.Fallback) })
			if err := e.send("", head.role()); err != nil {
				return err
			}
		}
		if c, ok := head.delta(d); ok {
			if err := e.send("", c); err != nil {
				return err
			}
		}
		if d.FinishReason == "" {
			return nil
		}
		finished = true
		last := head.finish(d)
		if usage {
			if err := e.send("", last); err != nil {
				return err
			}
			last = head.total(d)
		}
		last.Deja = showBill(reply, d.Fallback)
		return e.send("", last)
	})
	if err != nil {
		return err
	}
	if !finished {
		return e.fail("error", deja.Errorf(deja.CodeUpstream, "The answer was cut short."))
	}
	return e.done("")
}
