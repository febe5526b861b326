package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/client"
)

// cacheInvalidateCmd drops what is cached. Exactly one target is named: that
// nothing at all would mean everything is a mistake waiting to be made.
type cacheInvalidateCmd struct {
	Assistant string `help:"Drop an assistant's data, schema and answers." placeholder:"ID" xor:"target"`
	Thread    string `help:"Drop a thread's context and answers." placeholder:"ID" xor:"target"`
	All       bool   `help:"Drop everything that deja has cached (and nothing else in Redis)." xor:"target"`
}

// Validate wants a target that can be one.
func (i *cacheInvalidateCmd) Validate() error {
	switch {
	case i.All:
	case i.Assistant != "":
		if !deja.ValidID(deja.AssistantPrefix, i.Assistant) {
			return fmt.Errorf("--assistant: %q is not the id of an assistant, which begins with %s", i.Assistant, deja.AssistantPrefix)
		}
	case i.Thread != "":
		if !deja.ValidID(deja.ThreadPrefix, i.Thread) {
			return fmt.Errorf("--thread: %q is not the id of a thread, which begins with %s", i.Thread, deja.ThreadPrefix)
		}
	default:
		return errors.New("say what to drop: --assistant ID, --thread ID or --all")
	}
	return nil
}

// Run asks the server to drop it, and says how far that has come.
func (i *cacheInvalidateCmd) Run(ctx context.Context, c *cacheCmd, t terminal) error {
	api, ctx, cancel, err := c.api(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	var done *client.Invalidation
	switch {
	case i.All:
		done, err = api.InvalidateAll(ctx)
	case i.Assistant != "":
		done, err = api.InvalidateAssistant(ctx, i.Assistant)
	default:
		done, err = api.InvalidateThread(ctx, i.Thread)
	}
	if err != nil {
		return c.explain(err)
	}
	if c.JSON {
		return printJSON(t.stdout, done)
	}
	r := done.Receipt
	_, err = fmt.Fprintf(t.stdout, "%s\n%d of %d nodes have acknowledged it, in %.1f ms.\n", done.Message, r.Acknowledged, r.Nodes, r.ElapsedMillis)
	return err
}
