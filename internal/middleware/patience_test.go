package middleware_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dejahq/deja/internal/middleware"
)

// TestPatience: a client that stops in the middle of a body is cut off, one
// that sends it is not, however long the answer takes afterwards.
func TestPatience(t *testing.T) {
	t.Parallel()
	const pause = 50 * time.Millisecond
	read := make(chan error, 1)
	srv := httptest.NewServer(middleware.Chain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		read <- err
		if err != nil {
			http.Error(w, "cut", http.StatusRequestTimeout)
			return
		}
		wait := time.NewTimer(4 * pause) // an answer that takes longer than the patience
		defer wait.Stop()
		select {
		case <-wait.C:
			fmt.Fprintf(w, "got %s", b)
		case <-r.Context().Done():
		}
	}), middleware.Patience(pause)))
	defer srv.Close()

	resp, err := http.Post(srv.URL, "text/plain", strings.NewReader("all of it"))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err := <-read; err != nil || string(b) != "got all of it" {
		t.Errorf("%q, %v", b, err)
	}

	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("reading half a body: %v", err)
	}
	half, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || half.StatusCode != http.StatusRequestTimeout {
		t.Errorf("%+v, %v", half, err)
	}
}
