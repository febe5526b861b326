package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/client"
)

// connection says which server a command talks to, and in which form it
// prints the answer.
type connection struct {
	Server string      `help:"Address of the server." env:"DEJA_SERVER" default:"http://127.0.0.1:8787" placeholder:"URL"`
	APIKey deja.Secret `name:"api-key" help:"Key to send, if the server wants one." env:"DEJA_API_KEY" placeholder:"KEY"`
	JSON   bool        `name:"json" help:"Print JSON instead of text."`
}

// answerTime is how long the server may take for what moves little data and
// asks no model.
const answerTime = 30 * time.Second

// api gives a client of the server, and a context for one short call.
func (c *connection) api(ctx context.Context) (*client.Client, context.Context, context.CancelFunc, error) {
	api, err := c.connect()
	if err != nil {
		return nil, nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	return api, ctx, cancel, nil
}

func (c *connection) connect() (*client.Client, error) {
	api, err := client.New(client.Options{BaseURL: c.Server, APIKey: c.APIKey.Reveal(), UserAgent: "deja/" + version()})
	if err != nil {
		return nil, usageError{fmt.Errorf("--server and --api-key: %w", err)}
	}
	return api, nil
}

// explain says what an error of a call means to who typed the command.
func (c *connection) explain(err error) error {
	if refused, ok := errors.AsType[*client.Error](err); ok && refused.Status == 401 {
		return fmt.Errorf("%w (set --api-key or DEJA_API_KEY)", err)
	}
	if call, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("%s cannot be reached: %w", c.Server, call.Err)
	}
	return err
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
