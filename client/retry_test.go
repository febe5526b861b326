package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// network answers requests as it is told, and remembers when they came.
type network struct {
	answers []func() (*http.Response, error)
	came    []time.Time
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	n.came = append(n.came, time.Now())
	a := n.answers[min(len(n.came), len(n.answers))-1]
	resp, err := a()
	if resp != nil {
		resp.Request = r
	}
	return resp, err
}

func says(status int, body string, header ...string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		h := http.Header{}
		for i := 0; i+1 < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

var errLine = errors.New("the line is dead")

func dead() (*http.Response, error) { return nil, errLine }

func over(t *testing.T, n *network, retries int) *Client {
	t.Helper()
	c, err := New(Options{BaseURL: "http://deja.test", HTTPClient: &http.Client{Transport: n}, Retries: retries})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReadsAreTriedAgain(t *testing.T) {
	t.Parallel()
	found := says(200, `{"id":"asst_1"}`)
	for name, c := range map[string]struct {
		answers  []func() (*http.Response, error)
		retries  int
		attempts int
		status   int // of the error; 0: none
	}{
		"at once":              {[]func() (*http.Response, error){found}, 0, 1, 0},
		"no connection":        {[]func() (*http.Response, error){dead, dead, found}, 0, 3, 0},
		"503":                  {[]func() (*http.Response, error){says(503, ""), found}, 0, 2, 0},
		"502 and 504":          {[]func() (*http.Response, error){says(502, ""), says(504, ""), found}, 0, 3, 0},
		"429":                  {[]func() (*http.Response, error){says(429, "", "Retry-After", "3"), found}, 0, 2, 0},
		"429 for too long":     {[]func() (*http.Response, error){says(429, "", "Retry-After", "11"), found}, 0, 1, 429},
		"404":                  {[]func() (*http.Response, error){says(404, ""), found}, 0, 1, 404},
		"500":                  {[]func() (*http.Response, error){says(500, ""), found}, 0, 1, 500},
		"three times in vain":  {[]func() (*http.Response, error){says(503, "")}, 0, 3, 503},
		"never":                {[]func() (*http.Response, error){says(503, "")}, -1, 1, 503},
		"more often if wanted": {[]func() (*http.Response, error){says(503, "")}, 7, 8, 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := &network{answers: c.answers}
				a, err := over(t, n, c.retries).Assistant(t.Context(), "asst_1")
				if len(n.came) != c.attempts {
					t.Errorf("%d attempts, want %d", len(n.came), c.attempts)
				}
				refused, _ := errors.AsType[*Error](err)
				switch {
				case c.status == 0 && (err != nil || a.ID != "asst_1"):
					t.Errorf("%v, %v", a, err)
				case c.status != 0 && (refused == nil || refused.Status != c.status):
					t.Errorf("error %v, want status %d", err, c.status)
				}
			})
		})
	}
}

func TestPausesBetweenAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: []func() (*http.Response, error){says(503, ""), says(429, "", "Retry-After", "3"), says(503, "")}}
		_, err := over(t, n, 0).Assistant(t.Context(), "asst_1")
		if err == nil || len(n.came) != 3 {
			t.Fatalf("%v after %d attempts", err, len(n.came))
		}
		if d := n.came[1].Sub(n.came[0]); d < firstWait || d > firstWait*5/4 {
			t.Errorf("%v before the second attempt", d)
		}
		if d := n.came[2].Sub(n.came[1]); d != 3*time.Second {
			t.Errorf("%v before the third attempt; 3 s were asked for", d)
		}
	})
}

func TestWritesAreSentOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, call := range map[string]func(context.Context, *Client) error{
			"create":     func(ctx context.Context, c *Client) error { _, err := c.CreateThread(ctx); return err },
			"delete":     func(ctx context.Context, c *Client) error { return c.DeleteThread(ctx, "thread_1") },
			"ask":        func(ctx context.Context, c *Client) error { _, err := c.Ask(ctx, "asst_1", "?"); return err },
			"run":        func(ctx context.Context, c *Client) error { _, err := c.Run(ctx, "thread_1", "asst_1"); return err },
			"invalidate": func(ctx context.Context, c *Client) error { _, err := c.InvalidateAll(ctx); return err },
			"upload": func(ctx context.Context, c *Client) error {
				_, err := c.UploadSource(ctx, "asst_1", "", "a.csv", strings.NewReader("a\n1\n"))
				return err
			},
		} {
			for _, answer := range []func() (*http.Response, error){dead, says(503, "")} {
				n := &network{answers: []func() (*http.Response, error){answer}}
				if err := call(t.Context(), over(t, n, 0)); err == nil || len(n.came) != 1 {
					t.Errorf("%s: %v after %d attempts", name, err, len(n.came))
				}
			}
		}
	})
}

func TestContextEndsThePause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), firstWait/2)
		defer cancel()
		n := &network{answers: []func() (*http.Response, error){says(503, "busy")}}
		began := time.Now()
		_, err := over(t, n, 0).Assistant(ctx, "asst_1")
		if refused, _ := errors.AsType[*Error](err); refused == nil || refused.Status != 503 {
			t.Errorf("the error is %v: why it failed should not be lost", err)
		}
		if took := time.Since(began); took != firstWait/2 || len(n.came) != 1 {
			t.Errorf("%v and %d attempts", took, len(n.came))
		}
	})
}
