package llm

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/openai/openai-go/v3/packages/ssestream"

	"github.com/dejahq/deja"
)

// errReaderLeft ends a call whose reader stopped iterating.
var errReaderLeft = errors.New("llm: the reader left")

const (
	// usageGrace is how long an answer that is whole waits for the usage that
	// comes after it.
	usageGrace = 5 * time.Second
	// endGrace is how long a connection gets to end in good order after [DONE],
	// so that it can be used again.
	endGrace = 50 * time.Millisecond
)

// read passes an answer on. It gives an error, and whether the same request may
// succeed if nothing was passed on yet.
func (k *call) read(res *http.Response) (err error, again bool) {
	if err := k.c.checkStream(res); err != nil {
		_ = res.Body.Close()
		return err, false
	}
	events := ssestream.NewDecoder(res)
	defer events.Close()
	t := transcript{scrub: k.c.scrub}
	for {
		switch {
		case t.finished():
			k.watch.arm(within(k.c.o.IdleTimeout, usageGrace), errIdle)
		case k.spoken:
			k.watch.arm(k.c.o.IdleTimeout, errIdle)
		}
		if !events.Next() {
			break
		}
		event := events.Event()
		if bytes.HasPrefix(event.Data, []byte("[DONE]")) {
			k.watch.arm(endGrace, errIdle)
			events.Next()
			break
		}
		if fault := k.c.eventFault(event); fault != nil {
			return fault, fault.Code != deja.CodeInvalid
		}
		delta, err := t.add(event.Data)
		if err != nil {
			return err, false
		}
		if isEmpty(delta) {
			continue
		}
		k.watch.disarm() // a slow reader is not a slow server
		k.spoken = true
		if !k.yield(delta, nil) {
			return errReaderLeft, false
		}
	}
	k.watch.disarm()
	return k.finish(&t, events.Err())
}

// finish ends an answer after its last event.
func (k *call) finish(t *transcript, cut error) (err error, again bool) {
	switch {
	case k.parent.Err() != nil:
		return k.c.ended(k.parent), false
	case t.finished():
		last, err := t.end()
		if err != nil {
			return err, false
		}
		k.spoken = true
		k.yield(last, nil)
		return nil, false
	case k.ctx.Err() != nil:
		return k.c.ended(k.ctx), false
	case cut != nil:
		return deja.Wrap(deja.CodeUpstream, k.c.scrubbed(cut), "The connection to the model's server broke in the middle of the answer."), true
	}
	return deja.Errorf(deja.CodeUpstream, "The model's server ended its answer without a finish reason."), true
}

// within gives limit, or d where d is a shorter time.
func within(d, limit time.Duration) time.Duration {
	if d >= 0 {
		return min(d, limit)
	}
	return limit
}

// checkStream refuses answers that are no event stream.
func (c *Client) checkStream(res *http.Response) error {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	switch kind {
	case "text/event-stream":
		return nil
	case "application/json":
		body, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBody))
		if err := c.eventFault(ssestream.Event{Data: body}); err != nil {
			return err
		}
		return deja.Errorf(deja.CodeUpstream, "The model's server does not stream: it answered with one JSON document.")
	case "text/html":
		return deja.Errorf(deja.CodeUpstream, "The model's server answered with a web page; its address may be wrong.")
	}
	return deja.Errorf(deja.CodeUpstream, "The model's server answered with content of type %q, not with a stream.", c.scrub(kind))
}

// eventFault finds an error where a chunk should be.
func (c *Client) eventFault(event ssestream.Event) *deja.Error {
	isError := event.Type == "error"
	if !isError && !bytes.Contains(event.Data, []byte(`"error"`)) {
		return nil // nearly all
	}
	var outer struct {
		Error  json.RawMessage `json:"error"`
		Object any             `json:"object"`
	}
	if err := json.Unmarshal(event.Data, &outer); err != nil {
		if !isError {
			return nil // malformed, which is found out elsewhere
		}
		return upstreamFault{message: c.scrub(string(event.Data))}.toError()
	}
	if !isError && outer.Object != "error" && (len(outer.Error) == 0 || string(outer.Error) == "null") {
		return nil
	}
	return c.parseFault(event.Data).toError()
}
