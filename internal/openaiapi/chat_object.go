package openaiapi

import (
	"github.com/dejahq/deja"
)

// completion is what all parts of one chat completion have in common. Its
// model is the assistant that was asked: which model spoke for it is known
// only at the end, and the chunks of a stream have to agree.
type completion struct {
	ID      string
	Created int64
	Model   string
	usage   bool // chunks have a usage field, null until the last
}

// completionObject is CreateChatCompletionResponse of the public document.
type completionObject struct {
	ID                string       `json:"id"`
	Object            string       `json:"object"`
	Created           int64        `json:"created"`
	Model             string       `json:"model"`
	Choices           []choice     `json:"choices"`
	Usage             *tokenCounts `json:"usage"`
	SystemFingerprint string       `json:"system_fingerprint,omitempty"`
	Deja              *billObject  `json:"deja,omitempty"`
}

type choice struct {
	Index        int               `json:"index"`
	Message      completionMessage `json:"message"`
	Logprobs     *struct{}         `json:"logprobs"` // always null: there are none
	FinishReason deja.FinishReason `json:"finish_reason"`
}

type completionMessage struct {
	Role             deja.Role    `json:"role"`
	Content          *string      `json:"content"`
	ReasoningContent string       `json:"reasoning_content,omitempty"`
	Refusal          *string      `json:"refusal"`
	Annotations      []struct{}   `json:"annotations"`
	ToolCalls        []callObject `json:"tool_calls,omitempty"`
}

// tokenCounts is CompletionUsage of the public document.
type tokenCounts struct {
	PromptTokens            int64             `json:"prompt_tokens"`
	CompletionTokens        int64             `json:"completion_tokens"`
	TotalTokens             int64             `json:"total_tokens"`
	PromptTokensDetails     promptDetails     `json:"prompt_tokens_details"`
	CompletionTokensDetails completionDetails `json:"completion_tokens_details"`
}

type promptDetails struct {
	CachedTokens int64 `json:"cached_tokens"`
}

type completionDetails struct {
	ReasoningTokens int64 `json:"reasoning_tokens"`
}

func countTokens(u deja.Usage) *tokenCounts {
	return &tokenCounts{
		PromptTokens: u.PromptTokens, CompletionTokens: u.CompletionTokens, TotalTokens: u.Total(),
		PromptTokensDetails:     promptDetails{u.CachedTokens},
		CompletionTokensDetails: completionDetails{u.ReasoningTokens},
	}
}

// whole shows a complete answer.
func (c completion) whole(a *deja.Answer) completionObject {
	m := completionMessage{
		Role: deja.RoleAssistant, ReasoningContent: a.Reasoning, Refusal: orNull(a.Refusal),
		Annotations: []struct{}{}, ToolCalls: showCalls(a.ToolCalls),
	}
	if a.Text != "" || len(a.ToolCalls) == 0 && a.Refusal == "" {
		m.Content = &a.Text
	}
	return completionObject{
		ID: c.ID, Object: "chat.completion", Created: c.Created, Model: c.Model,
		Choices: []choice{{Message: m, FinishReason: a.FinishReason}},
		Usage:   countTokens(a.Usage), SystemFingerprint: a.Fingerprint,
	}
}

// chunkObject is CreateChatCompletionStreamResponse of the public document.
type chunkObject struct {
	ID                string        `json:"id"`
	Object            string        `json:"object"`
	Created           int64         `json:"created"`
	Model             string        `json:"model"`
	Choices           []chunkChoice `json:"choices"`
	Usage             **tokenCounts `json:"usage,omitempty"` // absent, null or counts
	SystemFingerprint string        `json:"system_fingerprint,omitempty"`
	Deja              *billObject   `json:"deja,omitempty"` // of the last chunk
}

type chunkChoice struct {
	Index        int                `json:"index"`
	Delta        chunkDelta         `json:"delta"`
	Logprobs     *struct{}          `json:"logprobs"`
	FinishReason *deja.FinishReason `json:"finish_reason"`
}

type chunkDelta struct {
	Role             deja.Role   `json:"role,omitempty"`
	Content          *string     `json:"content,omitempty"`
	ReasoningContent string      `json:"reasoning_content,omitempty"`
	Refusal          string      `json:"refusal,omitempty"`
	ToolCalls        []callDelta `json:"tool_calls,omitempty"`
}

// callDelta is ChatCompletionMessageToolCallChunk of the public document.
type callDelta struct {
	Index    int           `json:"index"`
	ID       string        `json:"id,omitempty"`
	Type     string        `json:"type,omitempty"`
	Function callSpecDelta `json:"function"`
}

type callSpecDelta struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

func (c completion) chunk(choices ...chunkChoice) chunkObject {
	o := chunkObject{ID: c.ID, Object: "chat.completion.chunk", Created: c.Created, Model: c.Model, Choices: choices}
	if c.usage {
		o.Usage = new(*tokenCounts)
	}
	return o
}

// role is the first chunk.
func (c completion) role() chunkObject {
	return c.chunk(chunkChoice{Delta: chunkDelta{Role: deja.RoleAssistant, Content: new("")}})
}

// delta is a chunk of the answer, if d has any.
func (c completion) delta(d deja.Delta) (chunkObject, bool) {
	delta := chunkDelta{ReasoningContent: d.Reasoning, Refusal: d.Refusal}
	if d.Text != "" {
		delta.Content = &d.Text
	}
	for _, p := range d.ToolCalls {
		piece := callDelta{Index: p.Index, ID: p.ID, Function: callSpecDelta{Name: p.Name, Arguments: p.Arguments}}
		if p.ID != "" {
			piece.Type = "function"
		}
		delta.ToolCalls = append(delta.ToolCalls, piece)
	}
	some := delta.Content != nil || delta.ReasoningContent != "" || delta.Refusal != "" || len(delta.ToolCalls) > 0
	return c.chunk(chunkChoice{Delta: delta}), some
}

// finish is the chunk that says why the answer ended.
func (c completion) finish(d deja.Delta) chunkObject {
	o := c.chunk(chunkChoice{FinishReason: &d.FinishReason})
	o.SystemFingerprint = d.Fingerprint
	return o
}

// total is the chunk with the usage.
func (c completion) total(d deja.Delta) chunkObject {
	o := c.chunk([]chunkChoice{}...)
	o.Choices = []chunkChoice{}
	var u deja.Usage
	if d.Usage != nil {
		u = *d.Usage
	}
	o.Usage = new(countTokens(u))
	return o
}
