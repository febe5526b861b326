package answer

import (
	"slices"
	"strings"

	"github.com/dejahq/deja"
)

// relay hands an answer on to a flight's readers, who see it once even when it
// is made more than once: the node that made it may die in the middle, and
// another begins anew. What readers have is skipped as long as the new answer
// says the same; where it does not, the answer is started again, and readers
// are told.
type relay struct {
	out func(event)

	sent seen // what readers have
	made seen // what the present attempt has brought, if it is not the first
	log  []event
	next bool // an attempt after the first
}

// seen is an answer as far as it came.
type seen struct {
	text, reasoning, refusal strings.Builder
	rounds                   int
	calls                    bool // pieces of the caller's tool calls
}

func (s *seen) add(e event) {
	if e.delta != nil {
		s.text.WriteString(e.delta.Text)
		s.reasoning.WriteString(e.delta.Reasoning)
		s.refusal.WriteString(e.delta.Refusal)
		s.calls = s.calls || len(e.delta.ToolCalls) > 0
	}
	if len(e.calls) > 0 {
		s.rounds++
	}
}

func (s *seen) empty() bool {
	return s.text.Len() == 0 && s.reasoning.Len() == 0 && s.refusal.Len() == 0 && s.rounds == 0 && !s.calls
}

// again begins another attempt, from the beginning of the answer.
func (r *relay) again() {
	r.next = !r.sent.empty()
	r.made, r.log = seen{}, nil
}

// add takes the next event of the present attempt.
func (r *relay) add(e event) {
	if !r.next {
		r.send(e)
		return
	}
	r.log = append(r.log, e)
	rest, same := r.beyond(e)
	r.made.add(e)
	if !same {
		// The new answer is another one. Readers drop what they have.
		all := slices.Clone(r.log)
		r.sent, r.next, r.log = seen{}, false, nil
		r.out(event{restart: true})
		for _, e := range all {
			r.send(e)
		}
		return
	}
	if rest != nil {
		r.send(*rest)
	}
}

// replay hands on a cached answer, but for its end.
func (r *relay) replay(answer *deja.Answer) {
	for _, e := range replay(answer) {
		r.add(e)
	}
}

func (r *relay) send(e event) {
	r.sent.add(e)
	r.out(e)
}

// beyond gives what of an event readers don't have yet, nil for nothing, and
// whether it is the same as far as they have it.
func (r *relay) beyond(e event) (*event, bool) {
	if len(e.calls) > 0 {
		if r.made.rounds < r.sent.rounds {
			return nil, true
		}
		return &e, true
	}
	if e.delta == nil {
		return nil, true
	}
	if len(e.delta.ToolCalls) > 0 && r.sent.calls {
		return nil, false // pieces of calls cannot be told apart: start again
	}
	d := *e.delta
	var ok [3]bool
	d.Text, ok[0] = past(&r.sent.text, &r.made.text, d.Text)
	d.Reasoning, ok[1] = past(&r.sent.reasoning, &r.made.reasoning, d.Reasoning)
	d.Refusal, ok[2] = past(&r.sent.refusal, &r.made.refusal, d.Refusal)
	if ok != [3]bool{true, true, true} {
		return nil, false
	}
	if d.Text == "" && d.Reasoning == "" && d.Refusal == "" && len(d.ToolCalls) == 0 && d.FinishReason == "" {
		return nil, true
	}
	return &event{delta: &d}, true
}

// past gives what of piece, which comes behind made, lies behind sent.
func past(sent, made *strings.Builder, piece string) (rest string, same bool) {
	had := sent.String()[min(made.Len(), sent.Len()):]
	n := min(len(had), len(piece))
	return piece[n:], had[:n] == piece[:n]
}

// complete hands on what the present attempt has not brought of an answer that
// it has ended with: pieces can be lost on the way, the whole answer is not.
func (r *relay) complete(answer *deja.Answer) {
	came := &r.sent
	if r.next {
		came = &r.made
	}
	if came.text.Len() != len(answer.Text) || came.reasoning.Len() != len(answer.Reasoning) ||
		came.refusal.Len() != len(answer.Refusal) || came.rounds != len(answer.Steps) {
		r.again()
		r.replay(answer)
	}
}

// short reports whether an attempt that has ended well said less than readers
// have; then they have what is not in the answer.
func (r *relay) short() bool {
	return r.next && (r.made.text.Len() < r.sent.text.Len() || r.made.refusal.Len() < r.sent.refusal.Len())
}

// end hands on the end of a whole answer.
func (r *relay) end(answer *deja.Answer) {
	if r.short() {
		r.sent, r.next = seen{}, false
		r.out(event{restart: true})
		for _, e := range r.log {
			r.send(e)
		}
	}
	r.out(event{delta: final(answer)})
}
