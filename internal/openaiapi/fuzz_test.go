package openaiapi

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/dejahq/deja"
)

func fuzzed() *API {
	return &API{o: Options{MaxBodyBytes: 1 << 20, MaxUploadBytes: 1 << 10, Now: func() time.Time { return time.Unix(1, 0) }}, log: discard}
}

// body reads what the fuzzer sends, and holds that a refusal is a 4xx that can
// be sent.
func fuzzBody(t *testing.T, b []byte, read func(o object)) (object, bool) {
	t.Helper()
	o, err := parseObject(b)
	if err == nil {
		read(o)
		err = o.err()
	}
	if err == nil {
		return o, true
	}
	status, e := describe(err)
	if status < 400 || status > 499 || e.Error.Message == "" || !utf8.ValidString(e.Error.Message) {
		t.Errorf("%d %+v", status, e)
	}
	if len(e.Error.Message) > 4<<10 {
		t.Errorf("the message has %d bytes", len(e.Error.Message))
	}
	if _, err := encode(e); err != nil {
		t.Error(err)
	}
	return object{}, false
}

// sendable holds that what was accepted can be shown.
func sendable(t *testing.T, v any) {
	t.Helper()
	b, err := encode(v)
	if err != nil || !json.Valid(b) {
		t.Errorf("%v: %s", err, b)
	}
}

func FuzzAssistant(f *testing.F) {
	f.Add([]byte(`{"model":"m","name":"n","tools":[{"type":"function","function":{"name":"f","parameters":{}}},{"type":"file_search","file_search":{}}],"metadata":{"a":"b"}}`))
	f.Add([]byte(`{"model":"m","temperature":1,"top_p":0.5,"response_format":{"type":"json_schema","json_schema":{"name":"n"}},"reasoning_effort":"low","cache":{"policy":"off"},"tool_resources":{"code_interpreter":{"file_ids":[]}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var asst deja.Assistant
		if _, ok := fuzzBody(t, b, func(o object) { _ = fuzzed().readAssistant(o, &asst) }); ok {
			sendable(t, showAssistant(&asst))
		}
	})
}

func FuzzThread(f *testing.F) {
	f.Add([]byte(`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"text","text":"b"}],"attachments":[{"file_id":"f","tools":[{"type":"file_search"}]}]}],"metadata":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var thread *deja.Thread
		var ms []*deja.Message
		if _, ok := fuzzBody(t, b, func(o object) { thread, ms = fuzzed().readNewThread(o) }); !ok {
			return
		}
		sendable(t, showThread(thread))
		for _, m := range ms {
			if len(m.Content) == 0 || m.Role == "" {
				t.Errorf("accepted %+v", m)
			}
			sendable(t, showMessage(m))
		}
	})
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a"}}]}`))
	f.Add([]byte(`{"role":"user","content":"\ud800\u0000"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m *deja.Message
		if _, ok := fuzzBody(t, b, func(o object) { m = fuzzed().readMessage(o) }); ok {
			sendable(t, showMessage(m))
		}
	})
}

func FuzzRun(f *testing.F) {
	f.Add([]byte(`{"assistant_id":"asst_1","stream":true,"tools":[],"max_prompt_tokens":256,"truncation_strategy":{"type":"last_messages","last_messages":1},"tool_choice":{"type":"function","function":{"name":"f"}},"cache":{"max-age":1}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzzBody(t, b, func(o object) { fuzzed().readRun(http.Header{}, o) })
	})
}

func FuzzToolOutputs(f *testing.F) {
	f.Add([]byte(`{"tool_outputs":[{"tool_call_id":"call_1","output":"x"},{"tool_call_id":"call_2"}],"stream":false}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var outputs map[string]string
		if _, ok := fuzzBody(t, b, func(o object) { outputs = readToolOutputs(o) }); ok && len(outputs) == 0 {
			t.Error("accepted nothing")
		}
	})
}

func FuzzChat(f *testing.F) {
	f.Add([]byte(`{"model":"asst_1","messages":[{"role":"developer","content":"a"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"x"}],"stop":["a"],"seed":-1,"n":1}`))
	f.Add([]byte(`{"model":"m","messages":[{"role":"user","content":"q"}],"stream":true,"stream_options":{"include_usage":true},"modalities":["text"],"logit_bias":{},"user":"u"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var q chatRequest
		if _, ok := fuzzBody(t, b, func(o object) { q = readChat(o); client(http.Header{}, o) }); ok {
			if len(q.Request.Messages) == 0 || q.AssistantID == "" {
				t.Errorf("accepted %+v", q)
			}
			sendable(t, q.Request)
		}
	})
}

func FuzzCacheControl(f *testing.F) {
	f.Add(`no-cache, max-age="60"`)
	f.Add("max-age=99999999999999999999,only-if-cached")
	f.Fuzz(func(t *testing.T, s string) {
		c := headerControl(http.Header{"Cache-Control": {s}})
		if c.MaxAge < 0 || c.MaxAge > maxAge*time.Second {
			t.Errorf("%+v", c)
		}
	})
}

func FuzzPage(f *testing.F) {
	f.Add("limit=10&order=asc&after=msg_1")
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.RawQuery = query
		p, err := page(r, deja.MessagePrefix)
		if err == nil && (p.Limit < 1 || p.Limit > 100) {
			t.Errorf("%+v", p)
		}
		if err != nil && faultOf(err).Status != 400 {
			t.Error(err)
		}
	})
}

func FuzzUpload(f *testing.F) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	_ = form.SetBoundary("b")
	_ = form.WriteField("name", "n")
	part, _ := form.CreateFormFile("file", "a.csv")
	_, _ = part.Write([]byte("a,b\n1,2\n"))
	_ = form.Close()
	f.Add(b.Bytes())
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=file; filename=x\r\n\r\n--b--"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		u, err := fuzzed().receive(r)
		if err != nil {
			if s := faultOf(err).Status; s < 400 || s > 499 {
				t.Error(err)
			}
			return
		}
		defer u.close()
		if u.size <= 0 || u.size > 1<<10 || u.filename == "" {
			t.Errorf("accepted %+v", u)
		}
	})
}
