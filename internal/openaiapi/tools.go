package openaiapi

import (
	"encoding/json"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/schema"
)

// functionName reads a name that models can call.
func (v value) functionName() string {
	s := v.some(0)
	ok := len(s) <= 64
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			ok = false
		}
	}
	if !ok {
		v.fail("invalid_value", "has to be of letters, digits, '_' and '-', 64 at most; it is '%.80s'", s)
		return ""
	}
	return s
}

// tools reads the tools of an assistant or a run: functions, and OpenAI's own
// tools, which deja keeps but does not have.
func (v value) tools(limit int) []deja.Tool {
	if v.null() {
		return nil
	}
	var tools []deja.Tool
	for _, e := range v.array(limit) {
		o := e.object()
		t, ok := o.need("type")
		if !ok {
			break
		}
		switch kind := t.choice("function", "code_interpreter", "file_search"); kind {
		case "function":
			tools = append(tools, o.function())
		case "code_interpreter":
			tools = append(tools, deja.Tool{Type: kind, Raw: e.keep()})
		case "file_search":
			o.fileSearch()
			tools = append(tools, deja.Tool{Type: kind, Raw: e.keep()})
		}
	}
	return tools
}

// fileSearch checks the settings of that tool.
func (o object) fileSearch() {
	settings, ok := o.opt("file_search")
	if !ok {
		return
	}
	s := settings.object()
	if n, ok := s.opt("max_num_results"); ok {
		n.integer(1, 50)
	}
	if ranking, ok := s.opt("ranking_options"); ok {
		r := ranking.object()
		if ranker, ok := r.opt("ranker"); ok {
			ranker.text(maxName)
		}
		if score, ok := r.need("score_threshold"); ok {
			score.number(0, 1)
		}
	}
}

// functions reads the tools of a chat completion.
func (v value) functions() []deja.Tool {
	if v.null() {
		return nil
	}
	tools := []deja.Tool{}
	for _, e := range v.array(maxAssistantTools) {
		o := e.object()
		if t, ok := o.need("type"); ok {
			t.choice("function")
		}
		tools = append(tools, o.function())
	}
	return tools
}

// function reads {"type": "function", "function": {...}}.
func (o object) function() deja.Tool {
	tool := deja.Tool{Type: "function", Function: &deja.Function{}}
	v, ok := o.need("function")
	if !ok {
		return tool
	}
	f := v.object()
	if name, ok := f.need("name"); ok {
		tool.Function.Name = name.functionName()
		if tool.Function.Name == schema.QueryToolName {
			name.fail("invalid_value", "must not be '%s': that is deja's own tool", schema.QueryToolName)
		}
	}
	if d, ok := f.opt("description"); ok {
		tool.Function.Description = d.text(0)
	}
	if p, ok := f.opt("parameters"); ok {
		p.object()
		tool.Function.Parameters = p.keep()
	}
	if s, ok := f.opt("strict"); ok {
		tool.Function.Strict = new(s.boolean())
	}
	return tool
}

// toolChoice reads which tool the model must call, if any. "auto" is the same
// as nothing. allowed says whether the object may also limit the choice to a
// few tools, as chat completions can.
func (v value) toolChoice(allowed bool) json.RawMessage {
	if v.null() {
		return nil
	}
	switch v.raw[0] {
	case '"':
		if v.choice("none", "auto", "required") == "auto" {
			return nil
		}
		return v.keep()
	case '{':
	default:
		v.wrongType("a string or an object")
		return nil
	}
	types := []string{"function"}
	if allowed {
		types = append(types, "allowed_tools")
	}
	o := v.object()
	t, ok := o.need("type")
	if !ok {
		return nil
	}
	switch t.choice(types...) {
	case "function":
		if f, ok := o.need("function"); ok {
			if name, ok := f.object().need("name"); ok {
				name.functionName()
			}
		}
	case "allowed_tools":
		if l, ok := o.need("allowed_tools"); ok {
			l.object()
		}
	}
	return v.keep()
}

// toolObject is a function tool in a response.
type toolObject struct {
	Type     string         `json:"type"`
	Function *deja.Function `json:"function"`
}

// toolObjects gives tools as responses show them: never null.
func toolObjects(tools []deja.Tool) []any {
	out := make([]any, 0, len(tools))
	for _, t := range tools {
		switch {
		case t.Function != nil:
			out = append(out, toolObject{Type: t.Type, Function: t.Function})
		case len(t.Raw) > 0:
			out = append(out, t.Raw)
		default:
			out = append(out, map[string]string{"type": t.Type})
		}
	}
	return out
}
