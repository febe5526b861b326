package llmtest

import (
	"strings"
	"testing"
)

func TestStrictRequests(t *testing.T) {
	t.Parallel()
	const (
		head = `{"model":"m","messages":[{"role":"user","content":"hi"}]`
		tool = `,"tools":[{"type":"function","function":{"name":"f","parameters":{}}}]`
	)
	valid := []string{
		head + `}`,
		head + `,"stream":true,"stream_options":{"include_usage":true}}`,
		head + tool + `,"tool_choice":"auto","parallel_tool_calls":false}`,
		head + tool + `,"tool_choice":{"type":"function","function":{"name":"f"}}}`,
		head + `,"temperature":0,"top_p":1,"stop":["a","b"],"seed":-1,"max_completion_tokens":1,"reasoning_effort":"low","response_format":{"type":"json_object"}}`,
		head + `,"stop":"x","user":"u","metadata":{"a":"b"},"n":1}`,
		`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}]}`,
		`{"model":"m","messages":[{"role":"user","content":"q"},
			{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"f","arguments":"{}"}}]},
			{"role":"tool","tool_call_id":"b","content":"1"},{"role":"tool","tool_call_id":"a","content":"2"}]}`,
	}
	for _, body := range valid {
		if _, bad := decodeRequest([]byte(body)); bad != nil {
			t.Errorf("refused: %s\n%s", bad.message, body)
		}
	}
	invalid := map[string]string{ // body: what the error names
		`{`:             "",
		`{"model":"m"}`: "messages",
		head + `} {}`:   "",
		`{"messages":[{"role":"user","content":"hi"}]}`:                                  "model",
		head + `,"surprise":1}`:                                                          "surprise",
		head + `,"stream":"yes"}`:                                                        "",
		head + `,"stream_options":{"include_usage":true}}`:                               "stream_options",
		head + `,"temperature":2.1}`:                                                     "temperature",
		head + `,"top_p":-1}`:                                                            "top_p",
		head + `,"presence_penalty":3}`:                                                  "presence_penalty",
		head + `,"frequency_penalty":-3}`:                                                "frequency_penalty",
		head + `,"max_completion_tokens":0}`:                                             "max_completion_tokens",
		head + `,"max_tokens":0}`:                                                        "max_tokens",
		head + `,"max_tokens":1,"max_completion_tokens":1}`:                              "max_tokens",
		head + `,"n":2}`:                                                                 "n",
		head + `,"stop":["a","b","c","d","e"]}`:                                          "stop",
		head + `,"reasoning_effort":"extreme"}`:                                          "reasoning_effort",
		head + `,"response_format":{"type":"yaml"}}`:                                     "response_format",
		head + `,"tool_choice":"auto"}`:                                                  "tool_choice",
		head + tool + `,"tool_choice":"maybe"}`:                                          "tool_choice",
		head + tool + `,"tool_choice":{"type":"function","function":{"name":"g"}}}`:      "tool_choice",
		head + `,"tools":[{"type":"code_interpreter"}]}`:                                 "tools[0].type",
		head + `,"tools":[{"type":"function","function":{"name":"a b"}}]}`:               "tools[0].function.name",
		head + `,"tools":[{"type":"function","function":{"name":"a","parameters":[]}}]}`: "tools[0].function.parameters",
		`{"model":"m","messages":[{"role":"wizard","content":"hi"}]}`:                    "messages.[0].role",
		`{"model":"m","messages":[{"role":"user","content":null}]}`:                      "messages.[0].content",
		`{"model":"m","messages":[{"role":"user","content":[]}]}`:                        "messages.[0].content",
		`{"model":"m","messages":[{"role":"system","content":[{"type":"image_url","image_url":{"url":"u"}}]}]}`:                                                            "messages.[0].content[0]",
		`{"model":"m","messages":[{"role":"assistant","content":null}]}`:                                                                                                   "messages.[0].content",
		`{"model":"m","messages":[{"role":"tool","content":"x"}]}`:                                                                                                         "messages.[0].tool_call_id",
		`{"model":"m","messages":[{"role":"tool","content":"x","tool_call_id":"a"}]}`:                                                                                      "messages.[0].role",
		`{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":""}}]}]}`:                               "messages",
		`{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":""}}]},{"role":"user","content":"x"}]}`: "messages.[1].role",
		`{"model":"m","messages":[{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","arguments":""}}]}]}`:                                        "messages.[0].tool_calls[0]",
		`{"model":"m","messages":[{"role":"user","content":"x","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":""}}]}]}`:                      "messages.[0].tool_calls",
	}
	for body, param := range invalid {
		_, bad := decodeRequest([]byte(body))
		if bad == nil {
			t.Errorf("taken: %s", body)
		} else if bad.param != param {
			t.Errorf("names %q instead of %q: %s", bad.param, param, body)
		}
	}
}

func FuzzDecodeRequest(f *testing.F) {
	f.Add([]byte(`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"none"}`))
	f.Add([]byte(`{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"1"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		req, bad := decodeRequest(body)
		if bad == nil && (req.Model == "" || len(req.Messages) == 0) {
			t.Errorf("taken without model or messages: %q", body)
		}
		if bad != nil && strings.TrimSpace(bad.message) == "" {
			t.Error("refused without a reason")
		}
	})
}
