package openaiapi

import (
	"encoding/json"

	"github.com/dejahq/deja"
)

// assistantObject is AssistantObject of the public document, cache and fallbacks.
type assistantObject struct {
	ID              string            `json:"id"`
	Object          string            `json:"object"`
	CreatedAt       int64             `json:"created_at"`
	Name            *string           `json:"name"`
	Description     *string           `json:"description"`
	Model           string            `json:"model"`
	Instructions    *string           `json:"instructions"`
	Tools           []any             `json:"tools"`
	ToolResources   json.RawMessage   `json:"tool_resources"`
	Metadata        map[string]string `json:"metadata"`
	Temperature     *float64          `json:"temperature"`
	TopP            *float64          `json:"top_p"`
	ResponseFormat  json.RawMessage   `json:"response_format"`
	ReasoningEffort *string           `json:"reasoning_effort"`
	Cache           cachePolicy       `json:"cache"`
	Fallbacks       []deja.Fallback   `json:"fallbacks"`
}

// auto is the value of several settings that nobody has set.
var auto = json.RawMessage(`"auto"`)

func showAssistant(a *deja.Assistant) assistantObject {
	return assistantObject{
		ID: a.ID, Object: "assistant", CreatedAt: seconds(a.CreatedAt),
		Name: orNull(a.Name), Description: orNull(a.Description),
		Model: a.Model, Instructions: orNull(a.Instructions),
		Tools: toolObjects(a.Tools), ToolResources: a.ToolResources, Metadata: orEmpty(a.Metadata),
		Temperature: a.Temperature, TopP: a.TopP,
		ResponseFormat: orAuto(a.ResponseFormat), ReasoningEffort: orNull(a.ReasoningEffort),
		Cache: showCachePolicy(a), Fallbacks: showFallbacks(a.Fallbacks),
	}
}

func orAuto(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return auto
	}
	return raw
}
