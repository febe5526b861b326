package llmtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// wireRequest has every field of the public API's request; those that the
// server does not look into are raw.
type wireRequest struct {
	Model         string        `json:"model"`
	Messages      []wireMessage `json:"messages"`
	Tools         []wireTool    `json:"tools"`
	Stream        *bool         `json:"stream"`
	StreamOptions *struct {
		IncludeUsage       bool  `json:"include_usage"`
		IncludeObfuscation *bool `json:"include_obfuscation"`
	} `json:"stream_options"`
	ToolChoice          json.RawMessage `json:"tool_choice"`
	ParallelToolCalls   *bool           `json:"parallel_tool_calls"`
	Temperature         *float64        `json:"temperature"`
	TopP                *float64        `json:"top_p"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	MaxTokens           *int            `json:"max_tokens"`
	N                   *int            `json:"n"`
	Stop                json.RawMessage `json:"stop"`
	Seed                *int64          `json:"seed"`
	PresencePenalty     *float64        `json:"presence_penalty"`
	FrequencyPenalty    *float64        `json:"frequency_penalty"`
	ResponseFormat      json.RawMessage `json:"response_format"`
	ReasoningEffort     *string         `json:"reasoning_effort"`

	Metadata             json.RawMessage `json:"metadata"`
	TopLogprobs          json.RawMessage `json:"top_logprobs"`
	Logprobs             json.RawMessage `json:"logprobs"`
	LogitBias            json.RawMessage `json:"logit_bias"`
	User                 json.RawMessage `json:"user"`
	SafetyIdentifier     json.RawMessage `json:"safety_identifier"`
	PromptCacheKey       json.RawMessage `json:"prompt_cache_key"`
	PromptCacheRetention json.RawMessage `json:"prompt_cache_retention"`
	ServiceTier          json.RawMessage `json:"service_tier"`
	Modalities           json.RawMessage `json:"modalities"`
	Verbosity            json.RawMessage `json:"verbosity"`
	Store                json.RawMessage `json:"store"`
	Prediction           json.RawMessage `json:"prediction"`
}

type wireMessage struct {
	Role       string          `json:"role"`
	Content    json.RawMessage `json:"content"`
	Name       string          `json:"name"`
	Refusal    *string         `json:"refusal"`
	ToolCalls  []wireCall      `json:"tool_calls"`
	ToolCallID string          `json:"tool_call_id"`
}

type wireCall struct {
	Index    *int   `json:"index,omitempty"` // in chunks only
	ID       string `json:"id,omitempty"`
	Type     string `json:"type,omitempty"`
	Function struct {
		Name      string `json:"name,omitempty"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type wireTool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
		Strict      *bool           `json:"strict"`
	} `json:"function"`
}

var functionName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// check looks at everything but the messages.
func (w *wireRequest) check() *refusal {
	switch {
	case w.Model == "":
		return invalid("model", "a model is required")
	case len(w.Messages) == 0:
		return invalid("messages", "at least one message is required")
	case w.StreamOptions != nil && (w.Stream == nil || !*w.Stream):
		return invalid("stream_options", "stream_options are for streams only")
	case w.N != nil && *w.N != 1:
		return invalid("n", "this server gives one choice")
	case outside(w.Temperature, 0, 2):
		return invalid("temperature", "temperature is from 0 to 2")
	case outside(w.TopP, 0, 1):
		return invalid("top_p", "top_p is from 0 to 1")
	case outside(w.PresencePenalty, -2, 2):
		return invalid("presence_penalty", "presence_penalty is from -2 to 2")
	case outside(w.FrequencyPenalty, -2, 2):
		return invalid("frequency_penalty", "frequency_penalty is from -2 to 2")
	case w.MaxCompletionTokens != nil && *w.MaxCompletionTokens < 1:
		return invalid("max_completion_tokens", "max_completion_tokens is at least 1")
	case w.MaxTokens != nil && *w.MaxTokens < 1:
		return invalid("max_tokens", "max_tokens is at least 1")
	case w.MaxTokens != nil && w.MaxCompletionTokens != nil:
		return invalid("max_tokens", "max_tokens and max_completion_tokens exclude each other")
	case w.ReasoningEffort != nil && !slices.Contains([]string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}, *w.ReasoningEffort):
		return invalid("reasoning_effort", "there is no effort %q", *w.ReasoningEffort)
	case (given(w.ToolChoice) || w.ParallelToolCalls != nil) && len(w.Tools) == 0:
		return invalid("tool_choice", "tool_choice and parallel_tool_calls need tools")
	case !stopValid(w.Stop):
		return invalid("stop", "stop is a string or up to 4 strings")
	}
	for i, t := range w.Tools {
		at := fmt.Sprintf("tools[%d]", i)
		switch {
		case t.Type != "function":
			return invalid(at+".type", "tools are functions here, not %q", t.Type)
		case !functionName.MatchString(t.Function.Name):
			return invalid(at+".function.name", "%q is no function name", t.Function.Name)
		case given(t.Function.Parameters) && !isObject(t.Function.Parameters):
			return invalid(at+".function.parameters", "parameters are a JSON Schema object")
		}
	}
	if bad := w.checkChoice(); bad != nil {
		return bad
	}
	return checkFormat(w.ResponseFormat)
}

func (w *wireRequest) checkChoice() *refusal {
	if !given(w.ToolChoice) {
		return nil
	}
	var word string
	if json.Unmarshal(w.ToolChoice, &word) == nil {
		if slices.Contains([]string{"none", "auto", "required"}, word) {
			return nil
		}
		return invalid("tool_choice", "there is no choice %q", word)
	}
	var named wireTool
	if json.Unmarshal(w.ToolChoice, &named) != nil || named.Type != "function" {
		return invalid("tool_choice", "tool_choice is a word or a function")
	}
	for _, t := range w.Tools {
		if t.Function.Name == named.Function.Name {
			return nil
		}
	}
	return invalid("tool_choice", "no tool is called %q", named.Function.Name)
}

func checkFormat(raw json.RawMessage) *refusal {
	if !given(raw) {
		return nil
	}
	var format struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(raw, &format) != nil || !slices.Contains([]string{"text", "json_object", "json_schema"}, format.Type) {
		return invalid("response_format", "response_format has the type text, json_object or json_schema")
	}
	return nil
}

// message checks one message and gives its readable form.
func (m wireMessage) message(at string) (Message, *refusal) {
	out := Message{Role: m.Role, ToolCallID: m.ToolCallID}
	if !slices.Contains([]string{"system", "developer", "user", "assistant", "tool"}, m.Role) {
		return out, invalid(at+".role", "there is no role %q", m.Role)
	}
	if len(m.ToolCalls) > 0 && m.Role != "assistant" {
		return out, invalid(at+".tool_calls", "only assistant messages call tools")
	}
	if (m.ToolCallID != "") != (m.Role == "tool") {
		return out, invalid(at+".tool_call_id", "tool_call_id is for tool messages, and they need one")
	}
	for i, call := range m.ToolCalls {
		if call.ID == "" || call.Type != "function" || !functionName.MatchString(call.Function.Name) {
			return out, invalid(fmt.Sprintf("%s.tool_calls[%d]", at, i), "a tool call needs an id, the type function and a name")
		}
		out.ToolCalls = append(out.ToolCalls, ToolCall{call.ID, call.Function.Name, call.Function.Arguments})
	}
	if !given(m.Content) {
		if m.Role == "assistant" && (len(m.ToolCalls) > 0 || m.Refusal != nil) {
			return out, nil
		}
		return out, invalid(at+".content", "a %s message needs content", m.Role)
	}
	if json.Unmarshal(m.Content, &out.Text) == nil {
		return out, nil
	}
	return out, m.parts(&out, at)
}

func (m wireMessage) parts(out *Message, at string) *refusal {
	var parts []struct {
		Type     string  `json:"type"`
		Text     *string `json:"text"`
		ImageURL *struct {
			URL    string `json:"url"`
			Detail string `json:"detail"`
		} `json:"image_url"`
	}
	if json.Unmarshal(m.Content, &parts) != nil || len(parts) == 0 {
		return invalid(at+".content", "content is a string or a list of parts")
	}
	var texts []string
	for i, p := range parts {
		switch {
		case p.Type == "text" && p.Text != nil:
			texts = append(texts, *p.Text)
		case p.Type == "image_url" && p.ImageURL != nil && p.ImageURL.URL != "" && m.Role == "user":
			out.Images = append(out.Images, p.ImageURL.URL)
		default:
			return invalid(fmt.Sprintf("%s.content[%d]", at, i), "a %s message cannot have this part of type %q", m.Role, p.Type)
		}
	}
	out.Text = strings.Join(texts, "\n")
	return nil
}

func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

func isObject(raw json.RawMessage) bool {
	return bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{"))
}

func outside(v *float64, low, high float64) bool { return v != nil && (*v < low || *v > high) }

func stopValid(raw json.RawMessage) bool {
	var one string
	var several []string
	return !given(raw) || json.Unmarshal(raw, &one) == nil || json.Unmarshal(raw, &several) == nil && len(several) <= 4
}
