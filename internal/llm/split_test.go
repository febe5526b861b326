package llm

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/dejahq/deja"
)

// What a stream says does not depend on how the network cuts it to pieces:
// byte by byte, it gives the same deltas and the same end as in one piece.
func FuzzSplitStreams(f *testing.F) {
	f.Add("data: {\"choices\":[{\"delta\":{\"content\":\"h\u00e9\"}}]}\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	f.Add("data: {\"choices\":[{\"delta\":{\"content\":\r\ndata: \"a\"}}]}\r\n\r\nevent: error\r\ndata: {\"error\":{\"message\":\"x\"}}\r\n\r\n")
	f.Add(": keep-alive\n\nid: 1\nretry: 5\ndata:{\"choices\":[{\"delta\":{\"reasoning_content\":\"r\"},\"finish_reason\":\"length\"}]}\n\n")
	f.Add("\xef\xbb\xbfdata: {\"choices\":[]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"cut")
	f.Fuzz(func(t *testing.T, body string) {
		said := func(server constantServer) (all []string) {
			c, err := New(Options{MaxRetries: -1, HTTPClient: &http.Client{Transport: server}})
			if err != nil {
				t.Fatal(err)
			}
			for d, err := range c.Stream(t.Context(), &deja.ModelRequest{Model: "m"}) {
				b, jsonErr := json.Marshal(d)
				if jsonErr != nil {
					t.Fatal(jsonErr)
				}
				all = append(all, string(b))
				if err != nil {
					all = append(all, string(deja.ErrorCode(err)))
				}
			}
			return all
		}
		const sse = "text/event-stream"
		whole := said(constantServer{http.StatusOK, sse, strings.NewReader(body)})
		bytewise := said(constantServer{http.StatusOK, sse, iotest.OneByteReader(strings.NewReader(body))})
		if strings.Join(whole, "\n") != strings.Join(bytewise, "\n") {
			t.Fatalf("in one piece:\n%s\nbyte by byte:\n%s", whole, bytewise)
		}
	})
}
