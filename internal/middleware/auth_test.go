package middleware

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/dejahq/deja"
)

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	keys := []deja.Secret{deja.NewSecret("sk-one"), {}, deja.NewSecret("sk-two")}
	var client Client
	reached := false
	inner := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached, client = true, ClientFrom(r.Context()) })
	for sent, want := range map[string]bool{
		"Bearer sk-one":     true,
		"bearer sk-two":     true,
		"Bearer  sk-two ":   true,
		"":                  false,
		"Bearer":            false,
		"Bearer ":           false, // the key that is not set is none
		"Bearer sk-on":      false,
		"Bearer sk-onee":    false,
		"Bearer SK-ONE":     false,
		"Basic sk-one":      false,
		"sk-one":            false,
		"Bearer sk-one two": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if sent != "" {
			r.Header.Set("Authorization", sent)
		}
		w := httptest.NewRecorder()
		reached = false
		Chain(inner, Identify(nil), Authenticate(keys, nil, refuse)).ServeHTTP(w, r)
		if reached != want {
			t.Errorf("%q is let in: %v", sent, reached)
		}
		switch {
		case want && (!strings.HasPrefix(client.ID, "key_") || strings.Contains(client.ID, "sk-")):
			t.Errorf("%q is the client %+v", sent, client)
		case !want && (w.Code != 401 || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer ")):
			t.Errorf("%q: status %d, %v", sent, w.Code, w.Header())
		}
	}
}

func TestKeysAreDifferentClients(t *testing.T) {
	t.Parallel()
	keys := []deja.Secret{deja.NewSecret("sk-one"), deja.NewSecret("sk-two")}
	ids := make(map[string]bool)
	for _, key := range []string{"sk-one", "sk-two", "sk-one"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+key)
		Chain(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ids[ClientFrom(r.Context()).ID] = true }),
			Authenticate(keys, nil, refuse)).ServeHTTP(httptest.NewRecorder(), r)
	}
	if len(ids) != 2 {
		t.Errorf("two keys are %d clients: %v", len(ids), ids)
	}
}

// Without keys everyone is let in, and a token that anyone can make up does
// not make a client.
func TestNoKeys(t *testing.T) {
	t.Parallel()
	for _, keys := range [][]deja.Secret{nil, {{}}} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer whatever")
		var client Client
		Chain(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { client = ClientFrom(r.Context()) }), Identify(nil), Authenticate(keys, nil, refuse)).
			ServeHTTP(httptest.NewRecorder(), r)
		if client.ID != "ip_192.0.2.1" {
			t.Errorf("the client is %+v", client)
		}
	}
}
