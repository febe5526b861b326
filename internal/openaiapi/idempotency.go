package openaiapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/dejahq/deja"
)

// maxIdempotencyKey is the longest Idempotency-Key that is taken, in bytes.
const maxIdempotencyKey = 255

// idempotentID gives the id of what a request with an Idempotency-Key makes, ""
// for a request without one: the same for the same client, place and key, so
// that a request which is sent again finds what it made. The header is that of
// draft-ietf-httpapi-idempotency-key-header.
func idempotentID(r *http.Request, prefix, place string) (string, error) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		return "", nil
	}
	if len(key) > maxIdempotencyKey {
		return "", deja.Errorf(deja.CodeInvalid, "The Idempotency-Key is longer than %d bytes.", maxIdempotencyKey)
	}
	return deja.DerivedID(prefix, r.Header.Get("Authorization"), place, key), nil
}

// addMessage appends a message. One that was sent before with the same
// Idempotency-Key is given as it is stored, if it says the same.
func (a *API) addMessage(ctx context.Context, m *deja.Message, again bool) (*deja.Message, error) {
	if err := a.layers.AddMessage(ctx, m, a.o.Now()); err != nil || !again {
		return m, err
	}
	stored, err := a.layers.Store().Message(ctx, m.ThreadID, m.ID)
	if err != nil {
		return nil, err
	}
	if stored.Role != m.Role || !slices.Equal(stored.Content, m.Content) {
		return nil, deja.Errorf(deja.CodeInvalid, "The Idempotency-Key was used for another message.")
	}
	return stored, nil
}
