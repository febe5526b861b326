package deja

import "encoding/json"

// Piece is the shape of one delta of an answer: how many bytes of each kind of
// text it had, and which calls of the caller's tools. A piece with none of
// these stands for the next round of Steps.
type Piece struct {
	Text      int         `json:"t,omitempty"`
	Reasoning int         `json:"r,omitempty"`
	Refusal   int         `json:"f,omitempty"`
	Calls     []CallPiece `json:"c,omitempty"`
}

// CallPiece is the shape of a ToolCallDelta. The first one of each call has
// its id and name.
type CallPiece struct {
	Index     int `json:"i,omitempty"`
	Arguments int `json:"a,omitempty"` // bytes
}

// PieceOf gives the shape of a delta.
func PieceOf(d Delta) Piece {
	p := Piece{Text: len(d.Text), Reasoning: len(d.Reasoning), Refusal: len(d.Refusal)}
	for _, c := range d.ToolCalls {
		p.Calls = append(p.Calls, CallPiece{c.Index, len(c.Arguments)})
	}
	return p
}

// MarshalJSON writes a piece of text alone, which nearly all are, as a number.
func (p Piece) MarshalJSON() ([]byte, error) {
	if p.Text > 0 && p.Reasoning == 0 && p.Refusal == 0 && len(p.Calls) == 0 {
		return json.Marshal(p.Text)
	}
	type plain Piece
	return json.Marshal(plain(p))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Piece) UnmarshalJSON(b []byte) error {
	type plain Piece
	*p = Piece{}
	if len(b) > 0 && b[0] == '{' {
		return json.Unmarshal(b, (*plain)(p))
	}
	return json.Unmarshal(b, &p.Text)
}

// Deltas takes the answer apart into the deltas in which it was streamed, but
// for the last; round is called where a round of Steps was, with its number.
// Pieces that don't fit the answer are made to; what they leave is at the end.
func (a *Answer) Deltas(delta func(Delta), round func(int)) {
	text, reasoning, refusal := a.Text, a.Reasoning, a.Refusal
	rounds := 0
	args := make([]string, len(a.ToolCalls)) // what is left of each call's arguments
	told := make([]bool, len(a.ToolCalls))
	for i, c := range a.ToolCalls {
		args[i] = c.Arguments
	}
	call := func(i, n int) ToolCallDelta {
		d := ToolCallDelta{Index: i, Arguments: cut(&args[i], n)}
		if !told[i] {
			told[i] = true
			d.ID, d.Name = a.ToolCalls[i].ID, a.ToolCalls[i].Name
		}
		return d
	}
	say := func(d Delta) {
		if d.Text != "" || d.Reasoning != "" || d.Refusal != "" || len(d.ToolCalls) > 0 {
			delta(d)
		}
	}
	for _, p := range a.Pieces {
		if p.Text <= 0 && p.Reasoning <= 0 && p.Refusal <= 0 && len(p.Calls) == 0 {
			if rounds < len(a.Steps) {
				round(rounds)
				rounds++
			}
			continue
		}
		d := Delta{Text: cut(&text, p.Text), Reasoning: cut(&reasoning, p.Reasoning), Refusal: cut(&refusal, p.Refusal)}
		for _, c := range p.Calls {
			if c.Index >= 0 && c.Index < len(args) {
				d.ToolCalls = append(d.ToolCalls, call(c.Index, c.Arguments))
			}
		}
		say(d)
	}
	for ; rounds < len(a.Steps); rounds++ {
		round(rounds)
	}
	rest := Delta{Text: text, Reasoning: reasoning, Refusal: refusal}
	for i := range args {
		if !told[i] || args[i] != "" {
			rest.ToolCalls = append(rest.ToolCalls, call(i, len(args[i])))
		}
	}
	say(rest)
}

// cut takes at most n bytes off the front of s.
func cut(s *string, n int) string {
	n = min(max(n, 0), len(*s))
	front := (*s)[:n]
	*s = (*s)[n:]
	return front
}
