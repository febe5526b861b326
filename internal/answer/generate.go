package answer

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/schema"
)

// errCut is a stream that ended without saying why: never an answer.
var errCut = deja.Errorf(deja.CodeUpstream, "The model's answer was cut short.")

// generate asks the model until it answers, executing its query_data calls on
// the way, and emits what readers may see as it comes.
func (a *Answerer) generate(ctx context.Context, p *prepared, paid *charge, emit func(event)) (*deja.Answer, error) {
	ctx, queries := deja.CountQueries(ctx)
	answer := &deja.Answer{}
	req := *p.request
	for {
		r, err := a.round(ctx, p.assistant.ID, &req, answer, paid, emit)
		if err != nil {
			return nil, err
		}
		own, theirs := splitCalls(r.calls)
		if r.finish != deja.FinishToolCalls || len(own) == 0 || len(theirs) > 0 {
			answer.FinishReason = r.finish
			answer.ToolCalls = theirs
			answer.Queries = queries.Reads.Load()
			return answer, nil
		}
		if answer.ModelCalls > a.o.ToolRounds {
			return nil, deja.Errorf(deja.CodeUpstream, "The model kept calling query_data for %d rounds without an answer.", a.o.ToolRounds)
		}
		executed := a.execute(ctx, p.schema, own)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		emit(event{calls: executed})
		answer.Steps = append(answer.Steps, executed)
		answer.Pieces = append(answer.Pieces, deja.Piece{})
		req.Messages = append(req.Messages[:len(req.Messages):len(req.Messages)], callMessages(r.text, executed)...)
	}
}

// round is one call of the model.
type round struct {
	text   string
	calls  []deja.ToolCall
	finish deja.FinishReason
}

func (a *Answerer) round(ctx context.Context, assistantID string, req *deja.ModelRequest, answer *deja.Answer, paid *charge, emit func(event)) (*round, error) {
	answer.ModelCalls++
	r := &round{}
	defer func() {
		if r.finish == "" {
			a.count.ModelCallFailed(assistantID)
		}
	}()
	var text strings.Builder
	var used deja.Usage
	visible := newCallFilter()
	say := func(d deja.Delta) {
		if len(answer.Pieces) == len(answer.Steps) {
			d.Fallback = answer.Fallback // on the first that readers see
		}
		answer.Text += d.Text
		answer.Pieces = append(answer.Pieces, deja.PieceOf(d))
		answer.Reasoning += d.Reasoning
		answer.Refusal += d.Refusal
		emit(event{delta: &d})
	}
	for d, err := range a.model.Stream(ctx, req) {
		if err != nil {
			return nil, err
		}
		if r.finish != "" {
			break
		}
		if d.Fallback != "" {
			answer.Fallback = d.Fallback
		}
		r.calls = joinCalls(r.calls, d.ToolCalls)
		if d.Text != "" && text.Len() == 0 && answer.Text != "" {
			say(deja.Delta{Text: "\n\n"}) // what earlier rounds said is a paragraph of its own
		}
		text.WriteString(d.Text)
		shown := deja.Delta{Text: d.Text, Reasoning: d.Reasoning, Refusal: d.Refusal, ToolCalls: visible.filter(d.ToolCalls)}
		if shown.Text != "" || shown.Reasoning != "" || shown.Refusal != "" || len(shown.ToolCalls) > 0 {
			say(shown)
		}
		if d.Usage != nil {
			answer.Usage = answer.Usage.Add(*d.Usage)
			used = used.Add(*d.Usage)
		}
		if d.FinishReason != "" {
			r.finish = d.FinishReason
			answer.Model, answer.Fingerprint = d.Model, d.Fingerprint
			paid.add(a.count.ModelCall(callOf(assistantID, req.Model, answer, used)))
		}
	}
	r.text = text.String()
	if r.finish == "" {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return nil, errCut
	}
	if len(r.calls) > 0 && r.finish == deja.FinishStop {
		r.finish = deja.FinishToolCalls // some servers say stop after tool calls
	}
	return r, nil
}

// execute runs query_data calls. What goes wrong with a query is told to the
// model, which can mend it.
func (a *Answerer) execute(ctx context.Context, s *deja.Schema, calls []deja.ToolCall) []deja.ToolCall {
	done := make([]deja.ToolCall, len(calls))
	for i, c := range calls {
		out := a.queryData(ctx, s, c.Arguments)
		c.Output = &out
		done[i] = c
	}
	return done
}

func (a *Answerer) queryData(ctx context.Context, s *deja.Schema, arguments string) string {
	if s == nil {
		return toolError("There is no data.")
	}
	q, err := deja.ParseQuery([]byte(arguments), s)
	if err != nil {
		return toolError(deja.ErrorMessage(err))
	}
	ctx, cancel := context.WithTimeout(ctx, a.o.ToolTimeout)
	defer cancel()
	res, err := a.layers.Store().QueryRows(ctx, q)
	if err != nil {
		a.log.WarnContext(ctx, "query_data failed", "table", q.Table.Name, "error", err)
		return toolError(deja.ErrorMessage(err))
	}
	b, err := json.Marshal(res)
	if err != nil {
		return toolError("The result cannot be encoded.")
	}
	return string(b)
}

func toolError(message string) string {
	b, _ := json.Marshal(map[string]string{"error": message})
	return string(b)
}

// callMessages are the messages by which a model sees its calls and their
// outputs in the next round.
func callMessages(text string, calls []deja.ToolCall) []deja.ChatMessage {
	said := deja.ChatMessage{Role: deja.RoleAssistant}
	if text != "" {
		said.Content = deja.Text(text)
	}
	var results []deja.ChatMessage
	for _, c := range calls {
		var out string
		if c.Output != nil {
			out = *c.Output
		}
		results = append(results, deja.ChatMessage{Role: deja.RoleTool, ToolCallID: c.ID, Content: deja.Text(out)})
		c.Output = nil
		said.ToolCalls = append(said.ToolCalls, c)
	}
	return append([]deja.ChatMessage{said}, results...)
}

// splitCalls tells deja's own tool from the caller's. When a model mixes both
// in one round, only the caller's count: deja cannot finish the round alone,
// and the model asks for its data again in the next.
func splitCalls(calls []deja.ToolCall) (own, theirs []deja.ToolCall) {
	for _, c := range calls {
		if c.Name == schema.QueryToolName {
			own = append(own, c)
		} else {
			theirs = append(theirs, c)
		}
	}
	return own, theirs
}
