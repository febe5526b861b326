package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestWarmUpReadsProgress(t *testing.T) {
	t.Parallel()
	body := `{"assistantId":"asst_1","queries":2,"ok":true}
{"assistantId":"asst_2","queries":0,"ok":false,"error":"No assistant."}
{"status":"success","action":"warmup","warmed":1,"failed":1}
`
	var got []Warmed
	s, err := readWarmUp(iotest.OneByteReader(strings.NewReader(body)), func(w Warmed) { got = append(got, w) })
	if err != nil || s != (WarmUpSummary{1, 1}) {
		t.Errorf("%+v, %v", s, err)
	}
	want := []Warmed{{AssistantID: "asst_1", Queries: 2, OK: true}, {AssistantID: "asst_2", Error: "No assistant."}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A warm-up that was cut is an error, with what was done until then.
func TestWarmUpThatWasCut(t *testing.T) {
	t.Parallel()
	s, err := readWarmUp(strings.NewReader(`{"assistantId":"asst_1","ok":true}`+"\n"), nil)
	if !errors.Is(err, io.ErrUnexpectedEOF) || s.Warmed != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err = readWarmUp(strings.NewReader(`{"status":"error","message":"Oh."}`), nil); err == nil || !strings.Contains(err.Error(), "Oh.") {
		t.Error(err)
	}
	if _, err = readWarmUp(strings.NewReader(`{"assistantId":`), nil); err == nil {
		t.Error("half a line is read")
	}
}

func TestWarmUpOfMany(t *testing.T) {
	t.Parallel()
	var sizes []int
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var b metricsAction
		if err := json.NewDecoder(r.Body).Decode(&b); err != nil || b.Action != "warmup" || r.Header.Get("Accept") != "application/x-ndjson" {
			t.Errorf("%+v %v", b.Action, err)
		}
		sizes = append(sizes, len(b.AssistantIDs))
		for _, id := range b.AssistantIDs {
			fmt.Fprintf(w, "{\"assistantId\":%q,\"ok\":true}\n", id)
		}
		fmt.Fprintln(w, `{"status":"success"}`)
	})
	ids := make([]string, 2001)
	for i := range ids {
		ids[i] = fmt.Sprintf("asst_%d", i)
	}
	done := 0
	s, err := c.WarmUp(t.Context(), ids, func(Warmed) { done++ })
	if err != nil || s.Warmed != 2001 || done != 2001 {
		t.Errorf("%+v, %d, %v", s, done, err)
	}
	if d := cmp.Diff([]int{1000, 1000, 1}, sizes); d != "" {
		t.Error(d)
	}
	if _, err := c.WarmUp(t.Context(), nil, nil); err == nil {
		t.Error("a warm-up of nothing succeeds")
	}
}

func FuzzWarmUp(f *testing.F) {
	f.Add([]byte("{\"assistantId\":\"a\",\"ok\":true}\n{\"status\":\"success\"}\n"))
	f.Add([]byte(`{"status":"error"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		calls := 0
		s, _ := readWarmUp(strings.NewReader(string(body)), func(Warmed) { calls++ })
		if s.Warmed+s.Failed != calls {
			t.Errorf("%d reported, %+v counted", calls, s)
		}
	})
}
