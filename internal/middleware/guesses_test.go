package middleware

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dejahq/deja"
)

// TestGuessesAreLimited: who was wrong too often is not listened to, even when
// right; others are; and after the window everybody is again.
func TestGuessesAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		guesses, err := NewGuesses(3, time.Minute, false)
		if err != nil {
			t.Fatal(err)
		}
		inner := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		h := Chain(inner, Identify(nil), Authenticate([]deja.Secret{deja.NewSecret("sk-right")}, guesses, refuse))
		ask := func(address, authorization string) int {
			t.Helper()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = address + ":1234"
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Code
		}
		const right, wrong = "Bearer sk-right", "Bearer sk-wrong"
		step := func(what, address, authorization string, want int) {
			t.Helper()
			if got := ask(address, authorization); got != want {
				t.Errorf("%s: status %d, want %d", what, got, want)
			}
		}
		for range 5 {
			step("no key is no guess", "192.0.2.7", "", 401)
		}
		step("the first", "192.0.2.7", wrong, 401)
		step("the second", "192.0.2.7", wrong, 401)
		step("right in between", "192.0.2.7", right, 200)
		step("the third", "192.0.2.7", wrong, 401)
		step("the fourth", "192.0.2.7", wrong, 429)
		step("right, but too late", "192.0.2.7", right, 429)
		step("without a key", "192.0.2.7", "", 401)
		step("another address", "192.0.2.8", right, 200)
		for range 10 {
			step("this machine", "127.0.0.1", wrong, 401)
		}
		step("this machine, right", "127.0.0.1", right, 200)

		time.Sleep(time.Minute)
		step("after the window", "192.0.2.7", right, 200)
		step("wrong after the window", "192.0.2.7", wrong, 401)
	})
}

func TestGuessesNeedALimit(t *testing.T) {
	t.Parallel()
	if _, err := NewGuesses(0, time.Minute, false); err == nil {
		t.Error("a limit of none")
	}
}
