package openaiapi_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dejahq/deja/internal/llm/llmtest"
)

// counts is what handlers do to their connections.
type counts struct {
	url             string // of the server that counts
	writes, flushes atomic.Int64
}

// counting serves s once more, and counts.
func (s *server) counting() *counts {
	c, handler := &counts{}, s.api.Handler()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(counted{w, c}, r)
	}))
	s.t.Cleanup(web.Close)
	c.url = web.URL
	return c
}

func (c *counts) reset() { c.writes.Store(0); c.flushes.Store(0) }

type counted struct {
	http.ResponseWriter
	in *counts
}

func (w counted) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w counted) Write(b []byte) (int, error) {
	w.in.writes.Add(1)
	return w.ResponseWriter.Write(b)
}

func (w counted) FlushError() error {
	w.in.flushes.Add(1)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// sharing lets all questions of an assistant share its answers.
var sharing = obj{"cache": obj{"policy": "assistant"}}

// pieces is an answer of n words in as many pieces.
func pieces(n int) llmtest.Step {
	return llmtest.Text(strings.SplitAfter(strings.TrimSpace(strings.Repeat("word ", n)), " ")...)
}

// TestHitsTakeFewWrites: a cached answer is all there when its stream begins,
// to its end mark, and goes out in one write when it is short.
func TestHitsTakeFewWrites(t *testing.T) {
	t.Parallel()
	for n, most := range map[int]int64{1: 1, 10: 1, 200: 20} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.model.On(llmtest.Any, pieces(n))
			c := s.counting()
			s.url = c.url
			body := question(s.assistant(sharing), obj{"stream": true})
			s.raw(chat, body, "miss")
			c.reset()
			if got := strings.Count(s.raw(chat, body, "hit"), "word"); got != n {
				t.Errorf("%d words", got)
			}
			if w, f := c.writes.Load(), c.flushes.Load(); w > most || f > most {
				t.Errorf("%d writes, %d flushes, want %d at most", w, f, most)
			}
		})
	}
}

// TestPiecesDontWaitForOthers: each piece of a live answer has reached its
// reader before the model says the next one, in chats and in runs.
func TestPiecesDontWaitForOthers(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(s *server) (path string, body obj){
		"chat": func(s *server) (string, obj) { return chat, question(s.assistant()) },
		"run": func(s *server) (string, obj) {
			return "/v1/threads/" + s.thread("Q?") + "/runs", obj{"assistant_id": s.assistant()}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			read := make(chan struct{})
			var steps []llmtest.Step
			const n = 5
			for i := range n {
				steps = append(steps, llmtest.Text(fmt.Sprintf("piece %d ", i)), llmtest.Gate(read))
			}
			s.model.On(llmtest.Any, steps...)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			path, body := ask(s)
			st := s.open(ctx, path, with(body, obj{"stream": true}))
			for i := range n {
				for want := fmt.Sprintf("piece %d ", i); ; {
					e, ok := st.next()
					if !ok {
						t.Fatalf("the stream has ended without %q", want)
					}
					if strings.Contains(e.data, want) {
						break
					}
				}
				select {
				case read <- struct{}{}:
				case <-ctx.Done():
					t.Fatal(ctx.Err())
				}
			}
			if events := st.all(); events[len(events)-1].data != "[DONE]" {
				t.Errorf("%v", events)
			}
		})
	}
}

// BenchmarkCachedStream streams a cached answer over one connection, from its
// question to its end, as a chat completion. With -cpu 1 its time is about the
// processor time of both ends, of which the reading one does as little as can be.
func BenchmarkCachedStream(b *testing.B) {
	for _, n := range []int{1, 10, 200} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := newServer(b)
			s.model.On(llmtest.Any, pieces(n))
			body := marshal(b, question(s.assistant(sharing), obj{"stream": true}))
			c := s.counting()
			conn, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
			check(b, err)
			b.Cleanup(func() { conn.Close() })
			ask := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: deja\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", chat, len(body), body)
			in := make([]byte, 128<<10)
			stream := func() []byte {
				_, err := conn.Write(ask)
				check(b, err)
				for got := 0; ; {
					m, err := conn.Read(in[got:])
					check(b, err)
					got += m
					if bytes.HasSuffix(in[:got], []byte("\r\n0\r\n\r\n")) {
						return in[:got]
					}
				}
			}
			stream() // the miss
			resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(stream())), nil)
			check(b, err)
			whole, err := io.ReadAll(resp.Body)
			check(b, err)
			if from, got := resp.Header.Get("X-Deja-Cache"), bytes.Count(whole, []byte("word")); from != "hit" || got != n {
				b.Fatalf("a %s of %d pieces", from, got)
			}
			c.reset()
			b.ReportAllocs()
			for b.Loop() {
				stream()
			}
			b.ReportMetric(float64(c.writes.Load())/float64(b.N), "writes/op")
			b.ReportMetric(float64(c.flushes.Load())/float64(b.N), "flushes/op")
		})
	}
}
