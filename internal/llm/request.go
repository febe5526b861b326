package llm

import (
	"bytes"
	"encoding/json"

	"github.com/dejahq/deja"
)

// body is a request as it goes over the wire. It is not the SDK's type because
// that one takes JSON Schemas apart into maps: the order of a schema's
// properties, which models do notice, would be lost.
type body struct {
	Model         string         `json:"model"`
	Messages      []message      `json:"messages"`
	Tools         []tool         `json:"tools,omitempty"`
	Stream        bool           `json:"stream"`
	StreamOptions *streamOptions `json:"stream_options,omitempty"`

	ToolChoice          json.RawMessage `json:"tool_choice,omitempty"`
	ParallelToolCalls   *bool           `json:"parallel_tool_calls,omitempty"`
	Temperature         *float64        `json:"temperature,omitempty"`
	TopP                *float64        `json:"top_p,omitempty"`
	MaxCompletionTokens *int            `json:"max_completion_tokens,omitempty"`
	MaxTokens           *int            `json:"max_tokens,omitempty"` // for servers that know only the old name
	Stop                []string        `json:"stop,omitempty"`
	Seed                *int64          `json:"seed,omitempty"`
	PresencePenalty     *float64        `json:"presence_penalty,omitempty"`
	FrequencyPenalty    *float64        `json:"frequency_penalty,omitempty"`
	ResponseFormat      json.RawMessage `json:"response_format,omitempty"`
	ReasoningEffort     string          `json:"reasoning_effort,omitempty"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

type tool struct {
	Type     string         `json:"type"`
	Function *deja.Function `json:"function"`
}

type message struct {
	Role       deja.Role  `json:"role"`
	Content    any        `json:"content"` // a string, []part or nil
	Name       string     `json:"name,omitempty"`
	ToolCalls  []toolCall `json:"tool_calls,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

type part struct {
	Type     string    `json:"type"`
	Text     *string   `json:"text,omitempty"`
	ImageURL *imageURL `json:"image_url,omitempty"`
}

type imageURL struct {
	URL    string `json:"url"`
	Detail string `json:"detail,omitempty"`
}

type toolCall struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Function functionCall `json:"function"`
}

type functionCall struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// encode writes the body of a streaming request in the server's dialect.
func encode(req *deja.ModelRequest, d dialect) ([]byte, error) {
	b := body{
		Model:               req.Model,
		Stream:              true,
		StreamOptions:       &streamOptions{IncludeUsage: true},
		ToolChoice:          req.ToolChoice,
		ParallelToolCalls:   req.ParallelToolCalls,
		Temperature:         req.Temperature,
		TopP:                req.TopP,
		MaxCompletionTokens: req.MaxCompletionTokens,
		Stop:                req.Stop,
		Seed:                req.Seed,
		PresencePenalty:     req.PresencePenalty,
		FrequencyPenalty:    req.FrequencyPenalty,
		ResponseFormat:      req.ResponseFormat,
		ReasoningEffort:     req.ReasoningEffort,
	}
	if d.noStreamOptions {
		b.StreamOptions = nil
	}
	if d.oldMaxTokens {
		b.MaxCompletionTokens, b.MaxTokens = nil, req.MaxCompletionTokens
	}
	for _, t := range req.Tools {
		if t.Type != "function" || t.Function == nil {
			return nil, deja.Errorf(deja.CodeInvalid, "Tools of type %q cannot be given to a model.", t.Type).WithParam("tools")
		}
		b.Tools = append(b.Tools, tool{"function", t.Function})
	}
	for _, m := range req.Messages {
		content, err := contentOf(m)
		if err != nil {
			return nil, err
		}
		out := message{Role: m.Role, Content: content, Name: m.Name, ToolCallID: m.ToolCallID}
		for _, call := range m.ToolCalls {
			out.ToolCalls = append(out.ToolCalls, toolCall{call.ID, "function", functionCall{call.Name, call.Arguments}})
		}
		b.Messages = append(b.Messages, out)
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(b); err != nil {
		return nil, deja.Wrap(deja.CodeInvalid, err, "The request has a part that is not JSON.")
	}
	return buf.Bytes(), nil
}

// contentOf gives plain text as a string, which every server understands, and
// a list of parts only where there are images.
func contentOf(m deja.ChatMessage) (any, error) {
	onlyText := true
	for _, p := range m.Content {
		switch p.Type {
		case deja.PartText:
		case deja.PartImageURL:
			onlyText = false
		default:
			return nil, deja.Errorf(deja.CodeUnsupported, "Content of type %q cannot be given to a model.", p.Type).WithParam("messages")
		}
	}
	text := deja.PartsText(m.Content)
	if onlyText {
		if text == "" && len(m.ToolCalls) > 0 {
			return nil, nil
		}
		return text, nil
	}
	parts := make([]part, 0, len(m.Content))
	for _, p := range m.Content {
		if p.Type == deja.PartText {
			parts = append(parts, part{Type: p.Type, Text: &p.Text})
		} else {
			parts = append(parts, part{Type: p.Type, ImageURL: &imageURL{p.ImageURL, p.Detail}})
		}
	}
	return parts, nil
}
