package deja_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dejahq/deja"
)

// told is an answer as readers of its deltas see it.
func told(a *deja.Answer) (ds []deja.Delta) {
	a.Deltas(func(d deja.Delta) { ds = append(ds, d) }, func(i int) { ds = append(ds, deja.Delta{Model: fmt.Sprint("round ", i)}) })
	return ds
}

// TestPiecesKeepTheShape: whatever deltas an answer came in, it is told in the
// same ones, also after it was encoded.
func TestPiecesKeepTheShape(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := &deja.Answer{}
		var live []deja.Delta
		text := rapid.StringN(0, 4, 8)
		for range rapid.IntRange(0, 20).Draw(t, "deltas") {
			d := deja.Delta{}
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0:
				a.Steps = append(a.Steps, []deja.ToolCall{{ID: "q"}})
				a.Pieces = append(a.Pieces, deja.Piece{})
				live = append(live, deja.Delta{Model: fmt.Sprint("round ", len(a.Steps)-1)})
				continue
			case 1:
				d.Reasoning = text.Draw(t, "reasoning")
			case 2:
				d.Refusal, d.Text = text.Draw(t, "refusal"), text.Draw(t, "text")
			case 3:
				args := text.Draw(t, "arguments")
				i := len(a.ToolCalls)
				c := deja.ToolCall{ID: fmt.Sprint("call_", i), Name: "f", Arguments: args}
				a.ToolCalls = append(a.ToolCalls, c)
				d.ToolCalls = []deja.ToolCallDelta{{Index: i, ID: c.ID, Name: c.Name, Arguments: args}}
			case 4:
				for i := range a.ToolCalls {
					args := text.Draw(t, "more")
					a.ToolCalls[i].Arguments += args
					d.ToolCalls = append(d.ToolCalls, deja.ToolCallDelta{Index: i, Arguments: args})
				}
			default:
				d.Text = text.Draw(t, "text")
			}
			if d.Text == "" && d.Reasoning == "" && d.Refusal == "" && len(d.ToolCalls) == 0 {
				continue
			}
			a.Text += d.Text
			a.Reasoning += d.Reasoning
			a.Refusal += d.Refusal
			a.Pieces = append(a.Pieces, deja.PieceOf(d))
			live = append(live, d)
		}
		if diff := cmp.Diff(live, told(a)); diff != "" {
			t.Fatal(diff)
		}
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var again deja.Answer
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(live, told(&again)); diff != "" {
			t.Fatalf("after %s: %s", b, diff)
		}
	})
}

// TestPiecesThatDoNotFit: an answer is told whole, once, whatever its pieces.
func TestPiecesThatDoNotFit(t *testing.T) {
	t.Parallel()
	for _, pieces := range []string{`null`, `[]`, `[1,2]`, `[99,-3,{}]`, `[{"c":[{"i":7,"a":5}]},{"c":[{"a":1}]},3,{},{},{}]`, `[{"t":-1,"r":400}]`} {
		a := &deja.Answer{
			Text: "Hello.", Reasoning: "Hm.", Refusal: "No.", Steps: [][]deja.ToolCall{{{ID: "q"}}},
			ToolCalls: []deja.ToolCall{{ID: "call_1", Name: "f", Arguments: "{}"}},
		}
		if err := json.Unmarshal([]byte(pieces), &a.Pieces); err != nil {
			t.Fatal(err)
		}
		var whole deja.Delta
		var args, id string
		rounds := 0
		for _, d := range told(a) {
			whole.Text += d.Text
			whole.Reasoning += d.Reasoning
			whole.Refusal += d.Refusal
			for _, c := range d.ToolCalls {
				args += c.Arguments
				id += c.ID
			}
			if d.Model != "" {
				rounds++
			}
		}
		if whole.Text != a.Text || whole.Reasoning != a.Reasoning || whole.Refusal != a.Refusal || args != "{}" || id != "call_1" || rounds != 1 {
			t.Errorf("%s: %+v, %q of %q, %d rounds", pieces, whole, args, id, rounds)
		}
	}
}
