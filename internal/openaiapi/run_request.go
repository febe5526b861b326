package openaiapi

import (
	"encoding/json"
	"net/http"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/answer"
)

// minRunTokens is the lowest token limit of a run that the public API takes.
const minRunTokens = 256

// maxTokens bounds token limits to what any platform's int can hold.
const maxTokens = 1<<31 - 1

// readRun reads what a run is started with, and whether it is to be streamed.
func (a *API) readRun(h http.Header, o object) (answer.RunRequest, bool) {
	r := answer.RunRequest{Control: control(h, o)}
	if v, ok := o.need("assistant_id"); ok {
		r.AssistantID = v.some(0)
	}
	if v, ok := o.opt("model"); ok {
		r.Model = a.modelName(v)
	}
	if v, ok := o.opt("instructions"); ok {
		r.Instructions = new(v.text(maxInstructions))
	}
	if v, ok := o.opt("additional_instructions"); ok {
		r.AdditionalInstructions = v.text(maxInstructions)
	}
	if v, ok := o.opt("tools"); ok {
		r.Tools, r.OverrideTools = v.tools(maxRunTools), true
	}
	readRunSettings(o, &r.Settings)
	return r, readStream(o)
}

// readRunSettings sets what of a run's settings the body has.
func readRunSettings(o object, s *deja.Run) {
	if v, ok := o.get("metadata"); ok {
		s.Metadata = v.metadata()
	}
	if v, ok := o.get("temperature"); ok {
		s.Temperature = v.optionalNumber(0, 2)
	}
	if v, ok := o.get("top_p"); ok {
		s.TopP = v.optionalNumber(0, 1)
	}
	if v, ok := o.opt("max_prompt_tokens"); ok {
		s.MaxPromptTokens = new(int(v.integer(minRunTokens, maxTokens)))
	}
	if v, ok := o.opt("max_completion_tokens"); ok {
		s.MaxCompletionTokens = new(int(v.integer(minRunTokens, maxTokens)))
	}
	if v, ok := o.opt("truncation_strategy"); ok {
		s.TruncationStrategy = v.truncation()
	}
	if v, ok := o.get("tool_choice"); ok {
		s.ToolChoice = v.toolChoice(false)
	}
	if v, ok := o.opt("parallel_tool_calls"); ok {
		s.ParallelToolCalls = new(v.boolean())
	}
	if v, ok := o.get("response_format"); ok {
		s.ResponseFormat = v.responseFormat(true)
	}
	if v, ok := o.opt("reasoning_effort"); ok {
		s.ReasoningEffort = v.choice(efforts...)
	}
}

// truncation reads how much of a thread the model sees.
func (v value) truncation() json.RawMessage {
	o := v.object()
	last, given := o.opt("last_messages")
	if given {
		last.integer(1, maxTokens)
	}
	if t, ok := o.need("type"); ok && t.choice("auto", "last_messages") == "last_messages" && !given {
		o.d.fail(invalid(last.path, "missing_required_parameter", "The parameter '%s' is required with this type.", last.path))
	}
	return v.keep()
}

func readStream(o object) bool {
	v, ok := o.opt("stream")
	return ok && v.boolean()
}

// readToolOutputs reads the outputs of the calls that a run waits for.
func readToolOutputs(o object) map[string]string {
	outputs := make(map[string]string)
	v, ok := o.need("tool_outputs")
	if !ok {
		return nil
	}
	for _, e := range v.array(0) {
		out := e.object()
		id, ok := out.need("tool_call_id")
		if !ok {
			return nil
		}
		call := id.some(maxName)
		if _, twice := outputs[call]; twice {
			id.fail("invalid_value", "has an output already: '%.64s'", call)
		}
		outputs[call] = ""
		if text, ok := out.opt("output"); ok {
			outputs[call] = text.text(0)
		}
	}
	if len(outputs) == 0 {
		v.fail("empty_array", "must not be empty")
	}
	return outputs
}
