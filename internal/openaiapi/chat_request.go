package openaiapi

import (
	"slices"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/answer"
)

// chatRequest is the body of a chat completion.
type chatRequest struct {
	answer.Question
	stream bool
	usage  bool // at the end of the stream
}

func readChat(o object) chatRequest {
	var q chatRequest
	o.refuse()
	if v, ok := o.need("model"); ok {
		q.AssistantID = v.some(maxModelName)
	}
	if v, ok := o.need("messages"); ok {
		q.Request.Messages = v.chatMessages()
	}
	q.stream = readStream(o)
	if v, ok := o.opt("stream_options"); ok {
		if !q.stream {
			v.fail("invalid_value", "can only be set when 'stream' is true")
		}
		if u, ok := v.object().opt("include_usage"); ok {
			q.usage = u.boolean()
		}
	}
	readSampling(o, &q.Request)
	// Fields that change nothing here, but whose types are the API's.
	if v, ok := o.opt("metadata"); ok {
		v.metadata()
	}
	if v, ok := o.opt("store"); ok {
		v.boolean()
	}
	return q
}

// readSampling reads everything that shapes the answer besides the messages.
func readSampling(o object, r *deja.ModelRequest) {
	if v, ok := o.opt("tools"); ok {
		r.Tools = v.functions()
	}
	if v, ok := o.get("tool_choice"); ok {
		r.ToolChoice = v.toolChoice(true)
	}
	if v, ok := o.opt("parallel_tool_calls"); ok {
		r.ParallelToolCalls = new(v.boolean())
	}
	if v, ok := o.get("temperature"); ok {
		r.Temperature = v.optionalNumber(0, 2)
	}
	if v, ok := o.get("top_p"); ok {
		r.TopP = v.optionalNumber(0, 1)
	}
	if v, ok := o.get("presence_penalty"); ok {
		r.PresencePenalty = v.optionalNumber(-2, 2)
	}
	if v, ok := o.get("frequency_penalty"); ok {
		r.FrequencyPenalty = v.optionalNumber(-2, 2)
	}
	// The older name first: where both are given, the newer one counts.
	for _, name := range []string{"max_tokens", "max_completion_tokens"} {
		if v, ok := o.opt(name); ok {
			r.MaxCompletionTokens = new(int(v.integer(1, maxTokens)))
		}
	}
	if v, ok := o.opt("stop"); ok {
		r.Stop = v.stop()
	}
	if v, ok := o.opt("seed"); ok {
		r.Seed = new(v.integer(-1<<63, 1<<63-1))
	}
	if v, ok := o.get("response_format"); ok {
		r.ResponseFormat = v.responseFormat(false)
	}
	if v, ok := o.opt("reasoning_effort"); ok {
		r.ReasoningEffort = v.choice(efforts...)
	}
}

// stop reads one text or up to four at which the model has to stop.
func (v value) stop() []string {
	if kindOf(v.raw) != "an array" {
		if kindOf(v.raw) != "a string" {
			v.wrongType("a string or an array of strings")
			return nil
		}
		return []string{v.text(0)}
	}
	var texts []string
	for _, e := range v.array(4) {
		texts = append(texts, e.text(0))
	}
	return texts
}

// refuse names what deja can't do: answering without it would be another
// answer than the one asked for.
func (o object) refuse() {
	no := func(v value, why string) { v.fail("unsupported_parameter", "is not supported by deja: %s", why) }
	if v, ok := o.opt("n"); ok && v.integer(1, 128) > 1 {
		no(v, "ask once for each answer")
	}
	if v, ok := o.opt("logprobs"); ok && v.boolean() {
		no(v, "answers are kept without probabilities")
	}
	if v, ok := o.opt("top_logprobs"); ok && v.integer(0, 20) > 0 {
		no(v, "answers are kept without probabilities")
	}
	if v, ok := o.opt("logit_bias"); ok && len(v.object().fields) > 0 {
		no(v, "tokens can't be weighted")
	}
	if v, ok := o.opt("modalities"); ok {
		for _, m := range v.array(0) {
			if m.choice("text", "audio") == "audio" {
				no(v, "answers are text")
			}
		}
	}
	if v, ok := o.opt("audio"); ok {
		no(v, "answers are text")
	}
	if v, ok := o.opt("web_search_options"); ok {
		no(v, "it does not search the web")
	}
	for _, name := range []string{"functions", "function_call"} {
		if v, ok := o.opt(name); ok {
			no(v, "it is deprecated, use 'tools' and 'tool_choice'")
		}
	}
}

// chatMessages reads a conversation.
func (v value) chatMessages() []deja.ChatMessage {
	var ms []deja.ChatMessage
	called := make(map[string]bool) // ids of tool calls so far
	for _, e := range v.array(0) {
		o := e.object()
		role, ok := o.need("role")
		if !ok {
			return nil
		}
		m := deja.ChatMessage{Role: deja.Role(role.choice("developer", "system", "user", "assistant", "tool"))}
		switch m.Role {
		case "":
			return nil
		case "developer": // the newer name of the same thing
			m.Role = deja.RoleSystem
		case deja.RoleAssistant:
			m.ToolCalls = o.toolCalls()
		case deja.RoleTool:
			if id, ok := o.need("tool_call_id"); ok {
				m.ToolCallID = id.some(maxName)
				if !called[m.ToolCallID] {
					id.fail("invalid_value", "answers no tool call of an earlier message: '%.64s'", m.ToolCallID)
				}
			}
		}
		for _, c := range m.ToolCalls {
			called[c.ID] = true
		}
		if name, ok := o.opt("name"); ok {
			m.Name = name.text(maxName)
		}
		m.Content = o.chatMessageContent(m)
		ms = append(ms, m)
	}
	if len(ms) == 0 {
		v.fail("empty_array", "must not be empty")
	}
	return ms
}

// chatMessageContent reads what a message says. An assistant's may say nothing
// when it calls tools, and may have refused.
func (o object) chatMessageContent(m deja.ChatMessage) []deja.Part {
	if m.Role == deja.RoleAssistant {
		content, ok := o.opt("content")
		if !ok {
			if refusal, ok := o.opt("refusal"); ok {
				return deja.Text(refusal.text(0))
			}
			if len(m.ToolCalls) == 0 {
				o.need("content")
			}
			return nil
		}
		parts := content.chatContent(m.Role)
		empty := func(p deja.Part) bool { return p.Type == deja.PartText && p.Text == "" }
		if len(m.ToolCalls) > 0 && !slices.ContainsFunc(parts, func(p deja.Part) bool { return !empty(p) }) {
			return nil
		}
		return parts
	}
	content, ok := o.need("content")
	if !ok {
		return nil
	}
	return content.chatContent(m.Role)
}

// toolCalls reads the calls that an assistant's message has made.
func (o object) toolCalls() []deja.ToolCall {
	v, ok := o.opt("tool_calls")
	if !ok {
		return nil
	}
	var calls []deja.ToolCall
	for _, e := range v.array(0) {
		c := e.object()
		var call deja.ToolCall
		if id, ok := c.need("id"); ok {
			call.ID = id.some(maxName)
		}
		if t, ok := c.need("type"); ok {
			t.choice("function")
		}
		if f, ok := c.need("function"); ok {
			f := f.object()
			if name, ok := f.need("name"); ok {
				call.Name = name.functionName()
			}
			if args, ok := f.need("arguments"); ok {
				call.Arguments = args.text(0)
			}
		}
		calls = append(calls, call)
	}
	return calls
}
