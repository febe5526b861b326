// Package client is a Go client of deja's HTTP API: the cache API (health,
// metrics, warm-up, invalidation) and the part of the OpenAI-shaped API that
// makes assistants, gives them data and asks them.
//
//	c, err := client.New(client.Options{BaseURL: "http://127.0.0.1:8787"})
//	stream, err := c.Ask(ctx, assistantID, "How many stores are in Oslo?")
//	for event, err := range stream.Events() {
//		fmt.Print(event.Text)
//	}
//	fmt.Println(stream.Info.Outcome, stream.Info.Timing)
//
// Every answer says where it came from: see [Info].
//
// # Errors
//
// What the server refuses is an [*Error], with the status, the code and the
// request id that its log has. Whatever else goes wrong (no connection, a
// stream that was cut) is an error of net/http, encoding/json or io; a stream
// that ended before its end is [io.ErrUnexpectedEOF]. API keys are in no error.
//
// # Retries
//
// Reads (GET) are tried again, twice by default, when there was no connection
// or the server said 429, 502, 503 or 504: after 100 ms and then 400 ms, each
// with up to a quarter more at random, or after what Retry-After asks for if
// that is 10 s or less. Everything else is sent once: repeating a POST could ask a
// model, or append a message, twice.
//
// # Time limits
//
// There are none but those of the context that each method takes: an answer
// streams for as long as the model speaks.
package client
