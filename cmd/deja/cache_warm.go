package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/dejahq/deja/client"
)

// cacheWarmCmd loads assistants into the cache.
type cacheWarmCmd struct {
	IDs []string `arg:"" optional:"" name:"assistant" help:"Ids of assistants."`
	All bool     `help:"Warm all assistants that the server has."`
}

// Validate wants assistants to be named one way or the other.
func (w *cacheWarmCmd) Validate() error {
	switch {
	case w.All && len(w.IDs) > 0:
		return errors.New("name assistants, or say --all, but not both")
	case !w.All && len(w.IDs) == 0:
		return errors.New("name the assistants to warm, or say --all")
	}
	return nil
}

// warmOutcome is what --json prints.
type warmOutcome struct {
	client.WarmUpSummary
	Results []client.Warmed `json:"results"`
}

// Run warms them, and ends with status 1 when one of them could not be.
func (w *cacheWarmCmd) Run(ctx context.Context, c *cacheCmd, t terminal) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	ids := w.IDs
	if w.All {
		for a, err := range api.Assistants(ctx) {
			if err != nil {
				return c.explain(err)
			}
			ids = append(ids, a.ID)
		}
	}
	outcome := warmOutcome{Results: []client.Warmed{}}
	if len(ids) > 0 {
		show := w.display(c, t, len(ids))
		outcome.WarmUpSummary, err = api.WarmUp(ctx, ids, func(one client.Warmed) {
			outcome.Results = append(outcome.Results, one)
			show.one(one)
		})
		show.end(outcome.Results)
		if err != nil {
			return c.explain(err)
		}
	}
	if c.JSON {
		err = printJSON(t.stdout, outcome)
	} else {
		_, err = fmt.Fprintf(t.stdout, "%d warmed, %d failed\n", outcome.Warmed, outcome.Failed)
	}
	if err == nil && outcome.Failed > 0 {
		return exitStatus(exitError)
	}
	return err
}

// display shows the progress of a warm-up.
type display struct {
	one func(client.Warmed)
	end func([]client.Warmed)
}

// display gives a bar on a terminal, a line for each assistant elsewhere, and
// nothing but the outcome as JSON.
func (w *cacheWarmCmd) display(c *cacheCmd, t terminal, total int) display {
	switch {
	case c.JSON:
		return display{one: func(client.Warmed) {}, end: func([]client.Warmed) {}}
	case isTerminal(t.stderr):
		bar := newBar(t.stderr, int64(total), "warming")
		return display{
			one: func(client.Warmed) { _ = bar.Add(1) },
			end: func(all []client.Warmed) {
				_ = bar.Finish()
				for _, one := range all {
					if !one.OK {
						printWarmed(t.stderr, one)
					}
				}
			},
		}
	}
	return display{one: func(one client.Warmed) { printWarmed(t.stdout, one) }, end: func([]client.Warmed) {}}
}

func printWarmed(w io.Writer, one client.Warmed) {
	switch {
	case !one.OK:
		fmt.Fprintf(w, "%s failed: %s\n", one.AssistantID, one.Error)
	case one.Queries == 0:
		fmt.Fprintf(w, "%s was warm\n", one.AssistantID)
	default:
		fmt.Fprintf(w, "%s warmed with %d queries\n", one.AssistantID, one.Queries)
	}
}
