package llm

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dejahq/deja"
)

func TestToolCallsOfManyServers(t *testing.T) {
	t.Parallel()
	type piece = deja.ToolCallDelta
	cases := map[string]struct {
		chunks []string // the tool_calls of each
		want   []piece
	}{
		"in turns": {
			[]string{`{"index":0,"id":"a","function":{"name":"f","arguments":""}},{"index":1,"id":"b","function":{"name":"g","arguments":""}}`, `{"index":1,"function":{"arguments":"1"}}`, `{"index":0,"function":{"arguments":"0"}}`},
			[]piece{{Index: 0, ID: "a", Name: "f"}, {Index: 1, ID: "b", Name: "g"}, {Index: 1, Arguments: "1"}, {Index: 0, Arguments: "0"}},
		},
		"whole at once": {
			[]string{`{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}`},
			[]piece{{Index: 0, ID: "a", Name: "f", Arguments: "{}"}},
		},
		"indexes with gaps": {
			[]string{`{"index":3,"id":"a","function":{"name":"f"}}`, `{"index":7,"id":"b","function":{"name":"g"}}`, `{"index":3,"function":{"arguments":"x"}}`},
			[]piece{{Index: 0, ID: "a", Name: "f"}, {Index: 1, ID: "b", Name: "g"}, {Index: 0, Arguments: "x"}},
		},
		"no index": {
			[]string{`{"id":"a","function":{"name":"f"}}`, `{"function":{"arguments":"x"}}`, `{"id":"b","function":{"name":"g","arguments":"y"}}`},
			[]piece{{Index: 0, ID: "a", Name: "f"}, {Index: 0, Arguments: "x"}, {Index: 1, ID: "b", Name: "g", Arguments: "y"}},
		},
		"always index 0": {
			[]string{`{"index":0,"id":"a","function":{"name":"f","arguments":"1"}}`, `{"index":0,"id":"b","function":{"name":"f","arguments":"2"}}`, `{"index":0,"function":{"arguments":"3"}}`},
			[]piece{{Index: 0, ID: "a", Name: "f", Arguments: "1"}, {Index: 1, ID: "b", Name: "f", Arguments: "2"}, {Index: 1, Arguments: "3"}},
		},
		"id and name repeated": {
			[]string{`{"index":0,"id":"a","function":{"name":"f","arguments":"1"}}`, `{"index":0,"id":"a","function":{"name":"f","arguments":"2"}}`, `{"index":0,"id":"a","function":{"name":"f","arguments":""}}`},
			[]piece{{Index: 0, ID: "a", Name: "f", Arguments: "1"}, {Index: 0, Arguments: "2"}},
		},
		"no id": {
			[]string{`{"index":0,"function":{"name":"f","arguments":"1"}}`},
			[]piece{{Index: 0, Name: "f", Arguments: "1"}},
		},
	}
	for name, tc := range cases {
		tr := transcript{scrub: strings.ToLower}
		var got []piece
		for _, calls := range tc.chunks {
			d, err := tr.add([]byte(`{"choices":[{"delta":{"tool_calls":[` + calls + `]}}]}`))
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			got = append(got, d.ToolCalls...)
		}
		opts := cmp.Options{}
		if name == "no id" {
			if len(got) == 0 || !deja.ValidID(deja.CallPrefix, got[0].ID) {
				t.Errorf("no id was made up: %+v", got)
			}
			opts = append(opts, cmpopts.IgnoreFields(piece{}, "ID"))
		}
		if diff := cmp.Diff(tc.want, got, opts); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestReasoningFields(t *testing.T) {
	t.Parallel()
	for delta, want := range map[string]string{
		`"reasoning_content":"a"`:                 "a",
		`"reasoning":"a"`:                         "a",
		`"reasoning_content":"a","reasoning":"a"`: "a",
		`"reasoning":{"effort":"low"}`:            "",
		`"reasoning_content":null`:                "",
	} {
		tr := transcript{scrub: strings.ToLower}
		d, err := tr.add([]byte(`{"choices":[{"delta":{` + delta + `}}]}`))
		if err != nil || d.Reasoning != want {
			t.Errorf("%s: %q, %v", delta, d.Reasoning, err)
		}
	}
}

func TestScrub(t *testing.T) {
	t.Parallel()
	c := &Client{key: deja.NewSecret("averylongkeywithoutprefix")}
	for in, want := range map[string]string{
		"plain text":                             "plain text",
		"a\x00b\nc\r\n\td\x1b[31m":               "a b c d [31m",
		"key averylongkeywithoutprefix.":         "key [secret]",
		"ends in (tprefix)":                      "ends in [secret]",
		"avery small part is no secret":          "avery small part is no secret",
		"sk-abc123def456 and gsk_abcdefgh":       "[secret] and [secret]",
		"Authorization: Bearer x.y.z and so on":  "Authorization: [secret] and so on",
		"bad \xff\xfe bytes":                     "bad ? bytes",
		"task-force one, risk_assessment, sk-8b": "task-force one, risk_assessment, sk-8b",
	} {
		if got := c.scrub(in); got != want {
			t.Errorf("%q became %q, not %q", in, got, want)
		}
	}
	if got := c.scrub(strings.Repeat("ä", 10_000)); len([]rune(got)) != maxMessage+3 {
		t.Errorf("%d runes are left", len([]rune(got)))
	}
	short := &Client{key: deja.NewSecret("ab")}
	if got := short.scrub("abab"); got != "abab" {
		t.Errorf("a key too short to be one changes texts: %q", got)
	}
}

// constantServer answers every request with the same status, type and body.
type constantServer struct {
	status int
	kind   string
	body   io.Reader
}

func (s constantServer) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: s.status, Header: http.Header{"Content-Type": {s.kind}, "Retry-After": {s.kind}},
		Body: io.NopCloser(s.body), Request: req,
	}, nil
}

// endless gives spaces for ever.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// A body without end must cost neither memory nor time.
func TestEndlessBodies(t *testing.T) {
	t.Parallel()
	for _, server := range []constantServer{
		{502, "text/html", endless{}},
		{200, "text/html", endless{}},
		{200, "application/json", endless{}},
		{200, "text/event-stream", endless{}}, // one line that never ends
	} {
		c, err := New(Options{MaxRetries: -1, HTTPClient: &http.Client{Transport: server}})
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range c.Stream(t.Context(), &deja.ModelRequest{Model: "m"}) {
			if deja.ErrorCode(err) != deja.CodeUpstream {
				t.Errorf("%d %s: %v", server.status, server.kind, err)
			}
		}
	}
}

// Whatever a server sends, a stream keeps its contract: text and calls, then
// one end, which is a finish reason or an error with a code.
func FuzzAnyAnswer(f *testing.F) {
	const sse = "text/event-stream"
	f.Add(200, sse, "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	f.Add(200, sse, "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":-1}}\n\n")
	f.Add(200, sse, "event: error\ndata: {\"error\":{\"message\":\"x\",\"code\":429}}\n\n")
	f.Add(200, sse, ": c\r\n\r\ndata: [1]\r\rid: 4\n")
	f.Add(200, "application/json", `{"error":"x"}`)
	f.Add(429, "3", `{"error":{"message":1,"type":[],"param":{}}}`)
	f.Add(404, "-1e400", `{"detail":{"a":1}}`)
	f.Fuzz(func(t *testing.T, status int, kind, body string) {
		if status < 100 || status > 999 {
			status = 200
		}
		c, err := New(Options{MaxRetries: -1, HTTPClient: &http.Client{Transport: constantServer{status, kind, strings.NewReader(body)}}})
		if err != nil {
			t.Fatal(err)
		}
		ended, calls := false, 0
		for d, err := range c.Stream(t.Context(), &deja.ModelRequest{Model: "m"}) {
			if ended {
				t.Fatal("the stream goes on after its end")
			}
			if err != nil {
				if deja.ErrorCode(err) == deja.CodeInternal || deja.ErrorMessage(err) == "" {
					t.Fatalf("an error without a code or message: %#v", err)
				}
				ended = true
				continue
			}
			for _, call := range d.ToolCalls {
				switch {
				case call.Index == calls && call.ID != "" && call.Name != "":
					calls++
				case call.Index < 0, call.Index >= calls, call.ID != "", call.Name != "":
					t.Fatalf("call %+v after %d calls", call, calls)
				}
			}
			if d.Usage != nil && (d.Usage.PromptTokens < 0 || d.Usage.CompletionTokens < 0) {
				t.Fatalf("usage %+v", d.Usage)
			}
			ended = d.FinishReason != ""
			if !ended && isEmpty(d) {
				t.Fatal("an empty delta")
			}
		}
		if !ended {
			t.Fatal("the stream has no end")
		}
	})
}
