package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/client"
)

// demoCmd is serve with sample assistants and a tour before it.
type demoCmd struct {
	Exit   bool `help:"End after the tour."`
	JSON   bool `name:"json" help:"Print the tour's summary as JSON."`
	Rounds int  `help:"How often each question is asked." default:"6"`

	config `embed:""`
}

// Validate refuses a tour without repeats: there would be nothing to see.
func (d *demoCmd) Validate() error {
	if d.Rounds < 1 || d.Rounds > 1000 {
		return errors.New("--rounds: from 1 to 1000")
	}
	return d.config.Validate()
}

// Run serves, tours, and goes on serving unless told to end.
//
// The demo keeps to itself: an embedded store in a folder of its own, which
// goes when it ends, whatever MONGODB_URI says. Redis and a model server are
// used when they are configured; the assistants' new random ids keep its keys
// apart from all others.
func (d *demoCmd) Run(ctx context.Context, t terminal) error {
	c := d.config
	c.MongoDBURI = deja.Secret{}
	dir, err := os.MkdirTemp("", "deja-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c.DataDir = filepath.Join(dir, "data")
	if d.Exit {
		c.Listen = "127.0.0.1:0"
	}
	if c.LogLevel == "info" {
		c.LogLevel = "warn" // the tour speaks for itself
	}
	srv, err := startServer(ctx, &c, t.stderr)
	if err != nil {
		return err
	}
	var key string
	if len(c.APIKeys) > 0 {
		key = c.APIKeys[0].Reveal()
	}
	api, err := client.New(client.Options{BaseURL: srv.url, APIKey: key})
	if err != nil {
		return errors.Join(err, srv.stop())
	}
	tour := &tour{api: api, rounds: d.Rounds, out: t.stdout}
	if d.JSON {
		tour.out = t.stderr // stdout is for the JSON alone
	}
	tour.greet(srv)
	if err := tour.walk(ctx); err != nil {
		if ctx.Err() != nil {
			err = nil // Ctrl-C during the tour is a way to end it
		}
		return errors.Join(err, srv.stop())
	}
	tour.conclude()
	if d.JSON {
		enc := json.NewEncoder(t.stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(tour.summary); err != nil {
			return errors.Join(err, srv.stop())
		}
	}
	if d.Exit {
		return srv.stop()
	}
	fmt.Fprintf(tour.out, `
deja listens on %s. Look at it in a browser:

  %s/

or ask it something (Ctrl-C ends it, and the demo's data with it):

  curl -N %s/v1/chat/completions -H 'Content-Type: application/json' \
    -d '{"model":%q,"stream":true,"messages":[{"role":"user","content":%q}]}'

`, srv.url, srv.url, srv.url, tour.firstID, tour.firstQuestion)
	return srv.wait(ctx)
}
