package middleware

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestChainOrder(t *testing.T) {
	t.Parallel()
	var order string
	mark := func(name string) Middleware {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				order += name
				next.ServeHTTP(w, r)
			})
		}
	}
	h := Chain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { order += "h" }), mark("a"), mark("b"))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if order != "abh" {
		t.Error(order)
	}
}

// What a handler flushes arrives while the handler goes on, through all
// middlewares, in each of the ways in which handlers flush.
func TestFlushing(t *testing.T) {
	t.Parallel()
	for name, flush := range map[string]func(http.ResponseWriter){
		"ResponseController": func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() },
		"Flusher":            func(w http.ResponseWriter) { w.(http.Flusher).Flush() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read := make(chan struct{})
			s := httptest.NewServer(Chain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "first\n")
				flush(w)
				<-read
				_, _ = io.WriteString(w, "second\n")
			}), all(t)...))
			t.Cleanup(s.Close)
			resp, err := s.Client().Get(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			lines := bufio.NewScanner(resp.Body)
			if !lines.Scan() || lines.Text() != "first" {
				t.Errorf("read %q", lines.Text())
			}
			close(read)
			if !lines.Scan() || lines.Text() != "second" {
				t.Errorf("read %q", lines.Text())
			}
		})
	}
}

func TestRecorder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do     func(http.ResponseWriter)
		status int
		bytes  int64
	}{
		"nothing":       {func(http.ResponseWriter) {}, 200, 0},
		"body alone":    {func(w http.ResponseWriter) { _, _ = io.WriteString(w, "abc") }, 200, 3},
		"status":        {func(w http.ResponseWriter) { w.WriteHeader(404); _, _ = io.WriteString(w, "abc") }, 404, 3},
		"flush alone":   {func(w http.ResponseWriter) { w.(http.Flusher).Flush() }, 200, 0},
		"informational": {func(w http.ResponseWriter) { w.WriteHeader(103); w.WriteHeader(201) }, 201, 0},
		"twice":         {func(w http.ResponseWriter) { w.WriteHeader(204); w.WriteHeader(500) }, 204, 0},
	} {
		var x *exchange
		h := Route()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x, _, _ = exchangeOf(w, r)
			c.do(w)
		}))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		if x.sent() != c.status || x.bytes != c.bytes {
			t.Errorf("%s: status %d, %d bytes; want %d, %d", name, x.sent(), x.bytes, c.status, c.bytes)
		}
	}
}
