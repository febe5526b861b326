package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/client"
)

// assistantsCmd makes, shows and changes assistants of a running server.
type assistantsCmd struct {
	connection `embed:""`

	List   assistantsListCmd   `cmd:"" help:"List all assistants, the newest first."`
	Show   assistantsShowCmd   `cmd:"" help:"Show one assistant."`
	Create assistantsCreateCmd `cmd:"" help:"Make an assistant, and print its id."`
	Edit   assistantsEditCmd   `cmd:"" help:"Change an assistant. Its earlier answers are given no more."`
	Delete assistantsDeleteCmd `cmd:"" help:"Delete an assistant with its data."`
}

// findAssistant gives the id of an assistant that was named by its id or name.
func findAssistant(ctx context.Context, api *client.Client, named string) (string, error) {
	if deja.ValidID(deja.AssistantPrefix, named) {
		return named, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var ids []string
	for a, err := range api.Assistants(ctx) {
		if err != nil {
			return "", err
		}
		if strings.EqualFold(a.Name, named) {
			ids = append(ids, a.ID)
		}
	}
	switch len(ids) {
	case 0:
		return "", fmt.Errorf("no assistant has the name %q", named)
	case 1:
		return ids[0], nil
	}
	slices.Sort(ids)
	return "", fmt.Errorf("%d assistants have the name %q: say which by its id (%s)", len(ids), named, strings.Join(ids[:min(len(ids), 5)], ", "))
}

// assistantsListCmd lists assistants.
type assistantsListCmd struct{}

// Run asks the server.
func (*assistantsListCmd) Run(ctx context.Context, c *assistantsCmd, t terminal) error {
	api, ctx, cancel, err := c.api(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	all, err := gather(api.Assistants(ctx))
	if err != nil {
		return c.explain(err)
	}
	if c.JSON {
		return printJSON(t.stdout, all)
	}
	if len(all) == 0 {
		fmt.Fprintln(t.stderr, "There are no assistants yet: deja assistants create --help tells how to make one.")
		return nil
	}
	w := tabwriter.NewWriter(t.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "id\tname\tmodel\tcache\tcreated")
	for _, a := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", a.ID, a.Name, a.Model, a.Cache.Policy, moment(a.CreatedAt))
	}
	return w.Flush()
}

// moment gives Unix seconds as people read them.
func moment(unix int64) string { return time.Unix(unix, 0).Format(time.DateTime) }

// assistantsShowCmd shows one assistant.
type assistantsShowCmd struct {
	Assistant string `arg:"" help:"Its id, or its name if no other has it."`
}

// Run asks the server.
func (s *assistantsShowCmd) Run(ctx context.Context, c *assistantsCmd, t terminal) error {
	api, ctx, cancel, err := c.api(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	id, err := findAssistant(ctx, api, s.Assistant)
	if err != nil {
		return c.explain(err)
	}
	a, err := api.Assistant(ctx, id)
	if err != nil {
		return c.explain(err)
	}
	return c.printAssistant(t.stdout, a)
}

func (c *assistantsCmd) printAssistant(out io.Writer, a *client.Assistant) error {
	if c.JSON {
		return printJSON(out, a)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, strings.ReplaceAll(value, "\n", "\n\t"))
		}
	}
	number := func(name string, v *float64) {
		if v != nil {
			fmt.Fprintf(w, "%s\t%g\n", name, *v)
		}
	}
	line("id", a.ID)
	line("name", a.Name)
	line("description", a.Description)
	line("model", a.Model)
	line("instructions", a.Instructions)
	number("temperature", a.Temperature)
	number("top_p", a.TopP)
	policy := a.Cache.Policy
	if a.Cache.TTL != nil {
		policy += fmt.Sprintf(", answers live %s", time.Duration(*a.Cache.TTL*float64(time.Second)))
	}
	if a.Cache.Normalize != nil && *a.Cache.Normalize {
		policy += ", normalized"
	}
	line("cache", policy)
	for _, name := range slices.Sorted(maps.Keys(a.Metadata)) {
		line("metadata "+name, a.Metadata[name])
	}
	line("created", moment(a.CreatedAt))
	return w.Flush()
}

// assistantsDeleteCmd deletes assistants.
type assistantsDeleteCmd struct {
	Assistants []string `arg:"" name:"assistant" help:"Ids, or names that no other assistant has."`
	Yes        bool     `short:"y" help:"Don't ask whether that is meant."`
}

// Run deletes them, once it is sure that this is meant.
func (d *assistantsDeleteCmd) Run(ctx context.Context, c *assistantsCmd, t terminal) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	var ids []string // all are found before the first is deleted
	for _, named := range d.Assistants {
		id, err := findAssistant(ctx, api, named)
		if err != nil {
			return c.explain(err)
		}
		ids = append(ids, id)
	}
	if err := t.confirm(d.Yes, fmt.Sprintf("Delete %s with all data?", strings.Join(d.Assistants, ", "))); err != nil {
		return err
	}
	deleted := deletion{Deleted: []string{}}
	for _, id := range ids {
		short, cancel := context.WithTimeout(ctx, answerTime)
		err := api.DeleteAssistant(short, id)
		cancel()
		if err != nil {
			return errors.Join(deleted.print(t.stdout, c.JSON), c.explain(err))
		}
		deleted.Deleted = append(deleted.Deleted, id)
	}
	return deleted.print(t.stdout, c.JSON)
}

// deletion is what was deleted.
type deletion struct {
	Deleted []string `json:"deleted"` // ids
}

func (d *deletion) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, d)
	}
	for _, id := range d.Deleted {
		if _, err := fmt.Fprintf(w, "%s deleted\n", id); err != nil {
			return err
		}
	}
	return nil
}

// gather reads a listing to its end; an empty one is not nil, which JSON would
// show as null.
func gather[T any](listing iter.Seq2[T, error]) ([]T, error) {
	all := []T{}
	for one, err := range listing {
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}
