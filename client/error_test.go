package client

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestReadError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		header map[string]string
		body   string
		want   Error
		text   string
	}{
		"OpenAI envelope": {
			404,
			map[string]string{"X-Request-Id": "req_1"},
			`{"error":{"message":"No assistant found.","type":"invalid_request_error","param":"model","code":"not_found"}}`,
			Error{Status: 404, Code: "not_found", Type: "invalid_request_error", Param: "model", Message: "No assistant found.", RequestID: "req_1"},
			"the server answered 404 (not_found): No assistant found. [req_1]",
		},
		"nulls": {
			500, nil, `{"error":{"message":"Oh.","type":"server_error","param":null,"code":null}}`,
			Error{Status: 500, Type: "server_error", Message: "Oh."},
			"the server answered 500: Oh.",
		},
		"a number as code": {
			400, nil, `{"error":{"message":"Oh.","code":17}}`,
			Error{Status: 400, Code: "17", Message: "Oh."},
			"the server answered 400 (17): Oh.",
		},
		"cache API": {
			400, nil, `{"status":"error","message":"The field \"type\" is missing."}`,
			Error{Status: 400, Message: `The field "type" is missing.`},
			`the server answered 400: The field "type" is missing.`,
		},
		"retry": {
			429,
			map[string]string{"Retry-After": "7"},
			`{"error":{"message":"Slow down."}}`,
			Error{Status: 429, Message: "Slow down.", RetryAfter: 7 * time.Second},
			"the server answered 429: Slow down.",
		},
		"a proxy's page": {
			502, nil, "<html>\n<body>\x1b[31mBad\x00 gateway</body>",
			Error{Status: 502, Message: "<html> <body>[31mBad gateway</body>"},
			"the server answered 502: <html> <body>[31mBad gateway</body>",
		},
		"nothing": {503, nil, "", Error{Status: 503, Message: "Service Unavailable"}, "the server answered 503: Service Unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			for k, v := range c.header {
				h.Set(k, v)
			}
			got := readError(&http.Response{StatusCode: c.status, Header: h, Body: io.NopCloser(strings.NewReader(c.body))})
			if d := cmp.Diff(c.want, *got); d != "" {
				t.Error(d)
			}
			if got.Error() != c.text {
				t.Errorf("Error() = %q, want %q", got.Error(), c.text)
			}
		})
	}
}

func FuzzParseError(f *testing.F) {
	f.Add([]byte(`{"error":{"message":"m","code":"c"}}`))
	f.Add([]byte(`{"status":"error","message":"m"}`))
	f.Add([]byte(`{"error":"plain"}`))
	f.Add([]byte("<html>\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		e := parseError(body)
		if e == nil {
			t.Fatal("no error")
		}
		for _, r := range printable(body) {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q shows %q on a terminal", body, r)
			}
		}
	})
}
