package middleware

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// Patience cuts off clients that stop sending a body in the middle: each read
// may take so long and no longer. It bounds the pause and not the whole, so a
// large upload over a slow line is fine, and it ends with the body, so that
// answers may stream for as long as they like. (http.Server's ReadTimeout
// bounds the whole.)
func Patience(pause time.Duration) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Body != nil && r.Body != http.NoBody {
				r.Body = &patientBody{ReadCloser: r.Body, control: http.NewResponseController(w), pause: pause}
			}
			next.ServeHTTP(w, r)
		})
	}
}

type patientBody struct {
	io.ReadCloser
	control *http.ResponseController
	pause   time.Duration
	ended   bool
}

func (b *patientBody) Read(p []byte) (int, error) {
	if b.ended {
		return b.ReadCloser.Read(p)
	}
	_ = b.control.SetReadDeadline(time.Now().Add(b.pause)) // a connection without deadlines has none to miss
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		b.end()
	}
	return n, err
}

// Close ends the patience with the body: the server goes on to read the
// connection, to notice when the client leaves.
func (b *patientBody) Close() error {
	b.end()
	return b.ReadCloser.Close()
}

func (b *patientBody) end() {
	if !b.ended {
		b.ended = true
		_ = b.control.SetReadDeadline(time.Time{})
	}
}
