package answer

import (
	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/schema"
)

// maxToolCalls bounds what one round may ask for, whatever index a server sends.
const maxToolCalls = 128

// joinCalls adds pieces of tool calls to the calls so far.
func joinCalls(calls []deja.ToolCall, pieces []deja.ToolCallDelta) []deja.ToolCall {
	for _, p := range pieces {
		if p.Index < 0 || p.Index >= maxToolCalls {
			continue
		}
		for len(calls) <= p.Index {
			calls = append(calls, deja.ToolCall{})
		}
		c := &calls[p.Index]
		if p.ID != "" {
			c.ID = p.ID
		}
		if p.Name != "" {
			c.Name = p.Name
		}
		c.Arguments += p.Arguments
	}
	return calls
}

// callFilter lets through the pieces of the caller's tool calls, numbered
// without the gaps that deja's own calls would leave.
type callFilter struct {
	shown map[int]int // a call's index -> the index shown; -1: hidden
	next  int
}

func newCallFilter() *callFilter { return &callFilter{shown: make(map[int]int)} }

func (f *callFilter) filter(pieces []deja.ToolCallDelta) []deja.ToolCallDelta {
	var out []deja.ToolCallDelta
	for _, p := range pieces {
		index, known := f.shown[p.Index]
		if !known {
			if p.Index < 0 || p.Index >= maxToolCalls {
				continue
			}
			index = -1
			if p.Name != schema.QueryToolName {
				index = f.next
				f.next++
			}
			f.shown[p.Index] = index
		}
		if index >= 0 {
			p.Index = index
			out = append(out, p)
		}
	}
	return out
}
