package openaiapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
)

// fault is what a client sees of an error about its request.
type fault struct {
	Status int
	Param  string
	Code   string
}

func faultOf(err error) fault {
	if err == nil {
		return fault{}
	}
	status, e := describe(err)
	f := fault{Status: status}
	if e.Error.Param != nil {
		f.Param = *e.Error.Param
	}
	if e.Error.Code != nil {
		f.Code = *e.Error.Code
	}
	return f
}

func TestParseObject(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":`, maxDepth) + "1" + strings.Repeat("}", maxDepth)
	for name, c := range map[string]struct {
		body string
		says string // part of the message; empty: no error
	}{
		"object":            {`{"a": [1, {"b": null}], "s": "x\"[{"}`, ""},
		"nothing":           {"", ""},
		"white space":       {" \r\n\t", ""},
		"as deep as it may": {deep, ""},
		"too deep":          {`{"x":` + deep + "}", "deeper than 64 levels"},
		"too wide":          {`{"a":[` + strings.Repeat("0,", maxElements+1) + "0]}", "more than 200000 elements"},
		"null":              {"null", "an object, not null"},
		"array":             {"[{}]", "an object, not an array"},
		"string":            {`"{}"`, "an object, not a string"},
		"cut":               {`{"a": 1`, "unexpected end of JSON input"},
		"cut in a string":   {`{"a": "b\`, "no valid JSON"},
		"garbage after":     {"{} x", "line 1, column 4, byte 3"},
		"second object":     {"{}\n{}", "line 2, column 1, byte 3"},
		"bare word":         {"{\n \"ä\": nope}", "line 2, column 8, byte 10"},
		"single quotes":     {"{'a': 1}", "line 1, column 2, byte 1"},
		"trailing comma":    {`{"a": 1,}`, "column 9"},
		"not UTF-8":         {"{\"a\": \"\xff\"}", "not UTF-8 (line 1, column 8, byte 7)"},
		"byte order mark":   {"\xef\xbb\xbf{}", "no valid JSON"},
		"UTF-16":            {"{\x00}\x00", "no valid JSON"},
		"form":              {"a=b", "no valid JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseObject([]byte(c.body))
			if c.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if got, want := faultOf(err), (fault{Status: 400, Code: "invalid_json"}); got != want {
				t.Fatalf("%+v, want %+v", got, want)
			}
			if msg := deja.ErrorMessage(err); !strings.Contains(msg, c.says) {
				t.Errorf("%q does not say %q", msg, c.says)
			}
		})
	}
}

func TestBody(t *testing.T) {
	t.Parallel()
	a := &API{o: Options{MaxBodyBytes: 16}}
	for name, c := range map[string]struct {
		header http.Header
		body   string
		want   fault
	}{
		"no type":           {nil, `{"a":1}`, fault{}},
		"json":              {http.Header{"Content-Type": {"application/json; charset=UTF-8"}}, `{}`, fault{}},
		"suffix":            {http.Header{"Content-Type": {"application/merge-patch+json"}}, `{}`, fault{}},
		"form":              {http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, `{}`, fault{415, "", "unsupported_media_type"}},
		"broken type":       {http.Header{"Content-Type": {"application/"}}, `{}`, fault{415, "", "unsupported_media_type"}},
		"charset":           {http.Header{"Content-Type": {"application/json; charset=latin1"}}, `{}`, fault{415, "", "unsupported_media_type"}},
		"encoding":          {http.Header{"Content-Encoding": {"gzip"}}, `{}`, fault{415, "", "unsupported_content_encoding"}},
		"as large as it is": {nil, `{"a":"12345678"}`, fault{}},
		"too large":         {nil, `{"a":"123456789"}`, fault{413, "", "request_too_large"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("POST", "/", strings.NewReader(c.body))
			r.Header = c.header
			_, err := a.body(r)
			if diff := cmp.Diff(c.want, faultOf(err)); diff != "" {
				t.Error(diff, err)
			}
		})
	}
}

func TestBodyCutShort(t *testing.T) {
	t.Parallel()
	a := &API{o: Options{MaxBodyBytes: 16}}
	r := httptest.NewRequest("POST", "/", brokenReader{})
	if _, err := a.body(r); faultOf(err).Status != 400 {
		t.Errorf("%v", err)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("the wire was cut") }

// TestFields goes through the readers of single fields: what each takes, and
// how it names what it refuses.
func TestFields(t *testing.T) {
	t.Parallel()
	a := &API{o: Options{Models: []string{"gpt-9"}, Upstreams: []string{"backup"}}}
	readers := map[string]func(v value) any{
		"text":       func(v value) any { return v.text(3) },
		"some":       func(v value) any { return v.some(3) },
		"boolean":    func(v value) any { return v.boolean() },
		"number":     func(v value) any { return v.number(0, 2) },
		"integer":    func(v value) any { return v.integer(1, 100) },
		"choice":     func(v value) any { return v.choice("a", "b") },
		"metadata":   func(v value) any { return v.metadata() },
		"model":      func(v value) any { return a.modelName(v) },
		"format":     func(v value) any { return string(v.responseFormat(true)) },
		"chatformat": func(v value) any { return string(v.responseFormat(false)) },
		"resources":  func(v value) any { return string(v.toolResources()) },
		"fallbacks":  func(v value) any { return a.fallbacks(v) },
		"policy": func(v value) any {
			a := &deja.Assistant{Sharing: deja.ShareOff, Caching: deja.Caching{TTL: time.Second, SkipWords: []string{"w"}}}
			v.cachePolicy(a)
			b, err := json.Marshal(showCachePolicy(a))
			if err != nil {
				t.Error(err)
			}
			return string(b)
		},
		"function":   func(v value) any { return v.functionName() },
		"tools":      func(v value) any { return len(v.tools(2)) },
		"functions":  func(v value) any { return len(v.functions()) },
		"toolchoice": func(v value) any { return string(v.toolChoice(false)) },
		"chatchoice": func(v value) any { return string(v.toolChoice(true)) },
		"truncation": func(v value) any { return string(v.truncation()) },
		"stop":       func(v value) any { return v.stop() },
		"content":    func(v value) any { return v.threadContent() },
		"usersays":   func(v value) any { return v.chatContent(deja.RoleUser) },
		"modelsays":  func(v value) any { return v.chatContent(deja.RoleAssistant) },
		"attached":   func(v value) any { v.attachments(); return true },
	}
	bad := func(param, code string) fault { return fault{400, param, code} }
	seventeen := "{" + strings.Repeat(`"k":"v",`, 1)
	for i := range 16 {
		seventeen += `"k` + string(rune('a'+i)) + `":"v",`
	}
	seventeen = strings.TrimSuffix(seventeen, ",") + "}"
	fn := `{"type":"function","function":{"name":"f"}}`

	for _, c := range []struct {
		reader, in string
		want       any // a value, or a fault
	}{
		{"text", `"abc"`, "abc"},
		{"text", `"äöü"`, "äöü"},
		{"text", `"\u00e4"`, "ä"},
		{"text", `""`, ""},
		{"text", `"abcd"`, bad("x", "string_above_max_length")},
		{"text", `"a\u0000"`, bad("x", "invalid_value")},
		{"text", `1`, bad("x", "invalid_type")},
		{"text", `null`, bad("x", "invalid_type")},
		{"text", `["a"]`, bad("x", "invalid_type")},
		{"some", `""`, bad("x", "empty_string")},

		{"boolean", `true`, true},
		{"boolean", `"true"`, bad("x", "invalid_type")},
		{"boolean", `0`, bad("x", "invalid_type")},

		{"number", `0.7`, 0.7},
		{"number", `2e0`, 2.0},
		{"number", `2.0001`, bad("x", "decimal_above_max_value")},
		{"number", `1e999`, bad("x", "decimal_above_max_value")},
		{"number", `-0.1`, bad("x", "decimal_below_min_value")},
		{"number", `"1"`, bad("x", "invalid_type")},

		{"integer", `100`, int64(100)},
		{"integer", `101`, bad("x", "integer_above_max_value")},
		{"integer", `99999999999999999999`, bad("x", "integer_above_max_value")},
		{"integer", `0`, bad("x", "integer_below_min_value")},
		{"integer", `-99999999999999999999`, bad("x", "integer_below_min_value")},
		{"integer", `1.0`, bad("x", "invalid_type")},
		{"integer", `1e1`, bad("x", "invalid_type")},
		{"integer", `"1"`, bad("x", "invalid_type")},

		{"choice", `"b"`, "b"},
		{"choice", `"c"`, bad("x", "invalid_value")},

		{"metadata", `null`, map[string]string(nil)},
		{"metadata", `{"a":"b"}`, map[string]string{"a": "b"}},
		{"metadata", `[]`, bad("x", "invalid_type")},
		{"metadata", `{"a":1}`, bad("x.a", "invalid_type")},
		{"metadata", `{"a":null}`, bad("x.a", "invalid_type")},
		{"metadata", `{"a":"` + strings.Repeat("v", 513) + `"}`, bad("x.a", "string_above_max_length")},
		{"metadata", `{"` + strings.Repeat("k", 65) + `":"v"}`, bad("x", "string_above_max_length")},
		{"metadata", `{"a\u0000":"v"}`, bad("x", "invalid_value")},
		{"metadata", seventeen, bad("x", "object_above_max_properties")},

		{"model", `"gpt-9"`, "gpt-9"},
		{"model", `"gpt-8"`, bad("x", "model_not_found")},
		{"model", `""`, bad("x", "empty_string")},
		{"model", `null`, bad("x", "invalid_type")},

		{"format", `"auto"`, ""},
		{"format", `null`, ""},
		{"format", `{ "type": "text" }`, `{"type":"text"}`},
		{"format", `{"type":"json_schema","json_schema":{"name":"n","schema":{}}}`, `{"type":"json_schema","json_schema":{"name":"n","schema":{}}}`},
		{"format", `{"type":"json_schema"}`, bad("x.json_schema", "missing_required_parameter")},
		{"format", `{"type":"json_schema","json_schema":{"schema":{}}}`, bad("x.json_schema.name", "missing_required_parameter")},
		{"format", `{"type":"json_schema","json_schema":{"name":"n","schema":[]}}`, bad("x.json_schema.schema", "invalid_type")},
		{"format", `{"type":"xml"}`, bad("x.type", "invalid_value")},
		{"format", `{}`, bad("x.type", "missing_required_parameter")},
		{"chatformat", `"auto"`, bad("x", "invalid_type")},

		{"resources", `{"code_interpreter":{"file_ids":["file-1"]}}`, `{"code_interpreter":{"file_ids":["file-1"]}}`},
		{"resources", `{"code_interpreter":{"file_ids":"file-1"}}`, bad("x.code_interpreter.file_ids", "invalid_type")},
		{"resources", `{"code_interpreter":7}`, bad("x.code_interpreter", "invalid_type")},
		{"resources", `{"file_search":{"vector_store_ids":["a","b"]}}`, bad("x.file_search.vector_store_ids", "array_above_max_length")},
		{"resources", `{"file_search":{"vector_stores":[{}]}}`, bad("x.file_search.vector_stores", "unsupported_parameter")},

		{"policy", `{"policy":"assistant"}`, `{"policy":"assistant","ttl":1,"normalize":false,"skip":{"time_sensitive":false,"words":["w"],"temperature_above":null,"attachments":false},"safe_tools":[],"stale_if_error":null,"replay_rate":null}`},
		{
			"policy", `{"ttl":60,"normalize":true,"skip":{"time_sensitive":true,"words":["a","b c"],"temperature_above":0.5,"attachments":true}}`,
			`{"policy":"off","ttl":60,"normalize":true,"skip":{"time_sensitive":true,"words":["a","b c"],"temperature_above":0.5,"attachments":true},"safe_tools":[],"stale_if_error":null,"replay_rate":null}`,
		},
		{"policy", `{"ttl":null,"skip":null}`, `{"policy":"off","ttl":null,"normalize":false,"skip":{"time_sensitive":false,"words":[],"temperature_above":null,"attachments":false},"safe_tools":[],"stale_if_error":null,"replay_rate":null}`},
		{"policy", `{}`, `{"policy":"off","ttl":1,"normalize":false,"skip":{"time_sensitive":false,"words":["w"],"temperature_above":null,"attachments":false},"safe_tools":[],"stale_if_error":null,"replay_rate":null}`},
		{"policy", `null`, `{"policy":"thread","ttl":null,"normalize":false,"skip":{"time_sensitive":false,"words":[],"temperature_above":null,"attachments":false},"safe_tools":[],"stale_if_error":null,"replay_rate":null}`},
		{
			"policy", `{"safe_tools":["look_up","*"],"stale_if_error":0,"replay_rate":2.5}`,
			`{"policy":"off","ttl":1,"normalize":false,"skip":{"time_sensitive":false,"words":["w"],"temperature_above":null,"attachments":false},"safe_tools":["look_up","*"],"stale_if_error":0,"replay_rate":2.5}`,
		},
		{"policy", `{"safe_tools":["look up"]}`, bad("x.safe_tools[0]", "invalid_value")},
		{"policy", `{"safe_tools":"*"}`, bad("x.safe_tools", "invalid_type")},
		{"policy", `{"stale_if_error":-1}`, bad("x.stale_if_error", "integer_below_min_value")},
		{"policy", `{"replay_rate":-1}`, bad("x.replay_rate", "decimal_below_min_value")},

		{"fallbacks", `[{"upstream":"backup","model":"gpt-9"},{"model":"gpt-9"}]`, []deja.Fallback{{Upstream: "backup", Model: "gpt-9"}, {Model: "gpt-9"}}},
		{"fallbacks", `[]`, []deja.Fallback(nil)},
		{"fallbacks", `null`, []deja.Fallback(nil)},
		{"fallbacks", `[{"upstream":"http://169.254.169.254/"}]`, bad("x[0].upstream", "invalid_value")},
		{"fallbacks", `[{"upstream":"gone"}]`, bad("x[0].upstream", "invalid_value")},
		{"fallbacks", `[{"model":"gpt-0"}]`, bad("x[0].model", "model_not_found")},
		{"fallbacks", `[{}]`, bad("x[0]", "invalid_value")},
		{"fallbacks", `[{"url":"http://x"}]`, bad("x[0].url", "unknown_parameter")},
		{"fallbacks", `["backup"]`, bad("x[0]", "invalid_type")},
		{"fallbacks", `[{"model":"gpt-9"},{"model":"gpt-9"},{"model":"gpt-9"},{"model":"gpt-9"},{"model":"gpt-9"}]`, bad("x", "array_above_max_length")},

		{"policy", `{"policy":"everybody"}`, bad("x.policy", "invalid_value")},
		{"policy", `{"polizy":"off"}`, bad("x.polizy", "unknown_parameter")},
		{"policy", `"off"`, bad("x", "invalid_type")},
		{"policy", `{"ttl":0}`, bad("x.ttl", "integer_below_min_value")},
		{"policy", `{"ttl":1000000000}`, bad("x.ttl", "integer_above_max_value")},
		{"policy", `{"normalize":"yes"}`, bad("x.normalize", "invalid_type")},
		{"policy", `{"skip":{"word":[]}}`, bad("x.skip.word", "unknown_parameter")},
		{"policy", `{"skip":{"words":[""]}}`, bad("x.skip.words[0]", "empty_string")},
		{"policy", `{"skip":{"temperature_above":3}}`, bad("x.skip.temperature_above", "decimal_above_max_value")},

		{"function", `"get_weather-2"`, "get_weather-2"},
		{"function", `"get weather"`, bad("x", "invalid_value")},
		{"function", `"` + strings.Repeat("f", 65) + `"`, bad("x", "invalid_value")},

		{"tools", `[` + fn + `,{"type":"code_interpreter"}]`, 2},
		{"tools", `[` + fn + `,` + fn + `,` + fn + `]`, bad("x", "array_above_max_length")},
		{"tools", `[{"type":"function"}]`, bad("x[0].function", "missing_required_parameter")},
		{"tools", `[{"type":"function","function":{}}]`, bad("x[0].function.name", "missing_required_parameter")},
		{"tools", `[` + fn + `,{"type":"function","function":{"name":"f","parameters":"p"}}]`, bad("x[1].function.parameters", "invalid_type")},
		{"tools", `[{"type":"function","function":{"name":"f","strict":"yes"}}]`, bad("x[0].function.strict", "invalid_type")},
		{"tools", `[{"type":"function","function":{"name":"query_data"}}]`, bad("x[0].function.name", "invalid_value")},
		{"tools", `[{"type":"browser"}]`, bad("x[0].type", "invalid_value")},
		{"tools", `[{}]`, bad("x[0].type", "missing_required_parameter")},
		{"tools", `["function"]`, bad("x[0]", "invalid_type")},
		{"tools", `{}`, bad("x", "invalid_type")},
		{"tools", `[{"type":"file_search","file_search":{"max_num_results":51}}]`, bad("x[0].file_search.max_num_results", "integer_above_max_value")},
		{"tools", `[{"type":"file_search","file_search":{"ranking_options":{"score_threshold":2}}}]`, bad("x[0].file_search.ranking_options.score_threshold", "decimal_above_max_value")},
		{"functions", `[` + fn + `]`, 1},
		{"functions", `[{"type":"code_interpreter"}]`, bad("x[0].type", "invalid_value")},

		{"toolchoice", `"auto"`, ""},
		{"toolchoice", `"required"`, `"required"`},
		{"toolchoice", `"some"`, bad("x", "invalid_value")},
		{"toolchoice", `{"type":"function","function":{"name":"f"}}`, `{"type":"function","function":{"name":"f"}}`},
		{"toolchoice", `{"type":"function","function":{}}`, bad("x.function.name", "missing_required_parameter")},
		{"toolchoice", `{"type":"function"}`, bad("x.function", "missing_required_parameter")},
		{"toolchoice", `{"type":"allowed_tools"}`, bad("x.type", "invalid_value")},
		{"toolchoice", `1`, bad("x", "invalid_type")},
		{"chatchoice", `{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}}`, `{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}}`},

		{"truncation", `{"type":"auto"}`, `{"type":"auto"}`},
		{"truncation", `{"type":"last_messages","last_messages":3}`, `{"type":"last_messages","last_messages":3}`},
		{"truncation", `{"type":"last_messages"}`, bad("x.last_messages", "missing_required_parameter")},
		{"truncation", `{"type":"last_messages","last_messages":0}`, bad("x.last_messages", "integer_below_min_value")},
		{"truncation", `"auto"`, bad("x", "invalid_type")},

		{"stop", `"END"`, []string{"END"}},
		{"stop", `["a","b"]`, []string{"a", "b"}},
		{"stop", `["a","b","c","d","e"]`, bad("x", "array_above_max_length")},
		{"stop", `["a",1]`, bad("x[1]", "invalid_type")},
		{"stop", `7`, bad("x", "invalid_type")},

		{"content", `"hello"`, deja.Text("hello")},
		{"content", `""`, bad("x", "empty_string")},
		{"content", `[]`, bad("x", "empty_array")},
		{"content", `null`, bad("x", "invalid_type")},
		{"content", `{"text":"hello"}`, bad("x", "invalid_type")},
		{"content", `[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"https://example.com/a.png","detail":"low"}}]`, []deja.Part{
			{Type: deja.PartText, Text: "a"}, {Type: deja.PartImageURL, ImageURL: "https://example.com/a.png", Detail: "low"},
		}},
		{"content", `[{"type":"text"}]`, bad("x[0].text", "missing_required_parameter")},
		{"content", `[{"type":"text","text":{"value":"a"}}]`, bad("x[0].text", "invalid_type")},
		{"content", `[{"type":"image_file","image_file":{"file_id":"file-1"}}]`, bad("x[0].type", "invalid_value")},
		{"content", `[{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}]`, bad("x[0].image_url.url", "invalid_value")},
		{"content", `[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}]`, bad("x[0].image_url.url", "invalid_value")},
		{"content", `[{"type":"image_url","image_url":{"url":"https://"}}]`, bad("x[0].image_url.url", "invalid_value")},
		{"content", `[{"type":"image_url","image_url":"https://example.com"}]`, bad("x[0].image_url", "invalid_type")},
		{"content", `["hello"]`, bad("x[0]", "invalid_type")},
		{"content", `"` + strings.Repeat("ä", maxText+1) + `"`, bad("x", "string_above_max_length")},
		{"usersays", `""`, deja.Text("")},
		{"usersays", `[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}]`, []deja.Part{{Type: deja.PartImageURL, ImageURL: "data:image/png;base64,AA"}}},
		{"usersays", `[{"type":"input_audio","input_audio":{}}]`, bad("x[0].type", "invalid_value")},
		{"modelsays", `[{"type":"refusal","refusal":"no"}]`, deja.Text("no")},
		{"modelsays", `[{"type":"image_url","image_url":{"url":"https://example.com"}}]`, bad("x[0].type", "invalid_value")},

		{"attached", `[{"file_id":"file-1","tools":[{"type":"file_search"}]}]`, true},
		{"attached", `[{"tools":[{"type":"hammer"}]}]`, bad("x[0].tools[0].type", "invalid_value")},
		{"attached", `{}`, bad("x", "invalid_type")},
	} {
		o, err := parseObject([]byte(`{"x":` + c.in + `}`))
		if err != nil {
			t.Fatalf("%s: %v", c.in, err)
		}
		v, _ := o.get("x")
		got := readers[c.reader](v)
		if want, ok := c.want.(fault); ok {
			got, c.want = faultOf(o.err()), want
		} else if o.err() != nil {
			t.Errorf("%s of %.80s: %v", c.reader, c.in, o.err())
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s of %.80s: %s", c.reader, c.in, diff)
		}
	}
}
