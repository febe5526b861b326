package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/dejahq/deja/client"
)

// dataCmd gives assistants data, and shows what they have.
type dataCmd struct {
	connection `embed:""`

	List   dataListCmd   `cmd:"" help:"List an assistant's data sources."`
	Add    dataAddCmd    `cmd:"" help:"Upload files; their formats are told by their names."`
	Show   dataShowCmd   `cmd:"" help:"Show one data source with its tables."`
	Delete dataDeleteCmd `cmd:"" help:"Delete data sources with their rows."`
	Schema dataSchemaCmd `cmd:"" help:"Show the schema that an assistant's model sees."`
}

// ofAssistant is the first argument of every command about data.
type ofAssistant struct {
	Assistant string `arg:"" help:"The assistant: its id, or its name if no other has it."`
}

// dataListCmd lists data sources.
type dataListCmd struct{ ofAssistant }

// Run asks the server.
func (l *dataListCmd) Run(ctx context.Context, c *dataCmd, t terminal) error {
	api, ctx, cancel, err := c.api(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	id, err := findAssistant(ctx, api, l.Assistant)
	if err != nil {
		return c.explain(err)
	}
	all, err := gather(api.Sources(ctx, id))
	if err != nil {
		return c.explain(err)
	}
	if c.JSON {
		return printJSON(t.stdout, all)
	}
	if len(all) == 0 {
		fmt.Fprintln(t.stderr, "There is no data yet: deja data add ASSISTANT FILE uploads some.")
		return nil
	}
	w := tabwriter.NewWriter(t.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "id\tname\tformat\tsize\ttables\trows\tcreated")
	for _, s := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%s\n", s.ID, s.Name, s.Format, size(s.Bytes), len(s.Tables), rows(s.Tables), moment(s.CreatedAt))
	}
	return w.Flush()
}

func rows(tables []client.Table) (n int64) {
	for _, table := range tables {
		n += table.RowCount
	}
	return n
}

// dataAddCmd uploads files.
type dataAddCmd struct {
	ofAssistant
	Files []string `arg:"" name:"file" help:"Files to upload." type:"existingfile"`
	Name  string   `help:"Name of the data source; the file's without its extension if not given."`
}

// Validate wants one file for one name.
func (a *dataAddCmd) Validate() error {
	if a.Name != "" && len(a.Files) > 1 {
		return errors.New("--name: several files can't have one name")
	}
	return nil
}

// Run uploads one after the other, and ends at the first that is refused.
func (a *dataAddCmd) Run(ctx context.Context, c *dataCmd, t terminal) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	id, err := findAssistant(ctx, api, a.Assistant)
	if err != nil {
		return c.explain(err)
	}
	added := []*client.Source{}
	for _, name := range a.Files {
		began := time.Now()
		s, err := a.upload(ctx, api, c, t, id, name)
		if err != nil {
			err = fmt.Errorf("%s: %w", name, c.explain(err))
			if c.JSON && len(added) > 0 {
				err = errors.Join(printJSON(t.stdout, added), err)
			}
			return err
		}
		added = append(added, s)
		if !c.JSON {
			fmt.Fprintf(t.stdout, "%s  %s: %s, %d rows in %d tables, in %s\n", s.ID, filepath.Base(name), size(s.Bytes),
				rows(s.Tables), len(s.Tables), time.Since(began).Round(time.Millisecond))
		}
	}
	if c.JSON {
		return printJSON(t.stdout, added)
	}
	return nil
}

func (a *dataAddCmd) upload(ctx context.Context, api *client.Client, c *dataCmd, t terminal, id, name string) (*client.Source, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var body io.Reader = file
	if info, err := file.Stat(); err == nil && !c.JSON && isTerminal(t.stderr) {
		bar := newBar(t.stderr, info.Size(), filepath.Base(name), progressbar.OptionShowBytes(true))
		defer bar.Finish()
		body = io.TeeReader(file, bar)
	}
	return api.UploadSource(ctx, id, a.Name, filepath.Base(name), body)
}

// ofSource names one data source of an assistant.
type ofSource struct {
	ofAssistant
	Source string `arg:"" help:"The data source: its id, or its name if no other of the assistant has it."`
}

// findSource gives the ids of an assistant and of its sources, each named by
// id or name.
func findSources(ctx context.Context, api *client.Client, assistant string, named []string) (string, []string, error) {
	id, err := findAssistant(ctx, api, assistant)
	if err != nil {
		return "", nil, err
	}
	all, err := gather(api.Sources(ctx, id))
	if err != nil {
		return "", nil, err
	}
	var found []string
	for _, n := range named {
		var ids []string
		for _, s := range all {
			if s.ID == n || strings.EqualFold(s.Name, n) {
				ids = append(ids, s.ID)
			}
		}
		switch len(ids) {
		case 0:
			return "", nil, fmt.Errorf("the assistant has no data source %q", n)
		case 1:
			found = append(found, ids[0])
		default:
			return "", nil, fmt.Errorf("%d data sources have the name %q: say which by its id (%s)", len(ids), n, strings.Join(ids, ", "))
		}
	}
	return id, found, nil
}

// dataShowCmd shows one data source.
type dataShowCmd struct{ ofSource }

// Run asks the server.
func (s *dataShowCmd) Run(ctx context.Context, c *dataCmd, t terminal) error {
	api, ctx, cancel, err := c.api(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	id, ids, err := findSources(ctx, api, s.Assistant, []string{s.Source})
	if err != nil {
		return c.explain(err)
	}
	source, err := api.Source(ctx, id, ids[0])
	if err != nil {
		return c.explain(err)
	}
	if c.JSON {
		return printJSON(t.stdout, source)
	}
	w := tabwriter.NewWriter(t.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "id\t%s\nname\t%s\nfile\t%s (%s, %s)\ncreated\t%s\n", source.ID, source.Name, source.Filename, source.Format,
		size(source.Bytes), moment(source.CreatedAt))
	if err := w.Flush(); err != nil {
		return err
	}
	return printTables(t.stdout, source.Tables)
}

// dataDeleteCmd deletes data sources.
type dataDeleteCmd struct {
	ofAssistant
	Sources []string `arg:"" name:"source" help:"Ids, or names that no other data source of the assistant has."`
	Yes     bool     `short:"y" help:"Don't ask whether that is meant."`
}

// Run deletes them, once it is sure that this is meant.
func (d *dataDeleteCmd) Run(ctx context.Context, c *dataCmd, t terminal) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	id, ids, err := findSources(ctx, api, d.Assistant, d.Sources)
	if err != nil {
		return c.explain(err)
	}
	if err := t.confirm(d.Yes, fmt.Sprintf("Delete %s with all rows?", strings.Join(d.Sources, ", "))); err != nil {
		return err
	}
	deleted := deletion{Deleted: []string{}}
	for _, source := range ids {
		short, cancel := context.WithTimeout(ctx, answerTime)
		err := api.DeleteSource(short, id, source)
		cancel()
		if err != nil {
			return errors.Join(deleted.print(t.stdout, c.JSON), c.explain(err))
		}
		deleted.Deleted = append(deleted.Deleted, source)
	}
	return deleted.print(t.stdout, c.JSON)
}

// dataSchemaCmd shows a schema.
type dataSchemaCmd struct{ ofAssistant }

// Run asks the server.
func (s *dataSchemaCmd) Run(ctx context.Context, c *dataCmd, t terminal) error {
	api, ctx, cancel, err := c.api(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	id, err := findAssistant(ctx, api, s.Assistant)
	if err != nil {
		return c.explain(err)
	}
	schema, _, err := api.Schema(ctx, id)
	if err != nil {
		return c.explain(err)
	}
	if c.JSON {
		return printJSON(t.stdout, schema)
	}
	if _, err := fmt.Fprintf(t.stdout, "version %d, %d tables, %d rows\n", schema.Version, len(schema.Tables), rows(schema.Tables)); err != nil {
		return err
	}
	return printTables(t.stdout, schema.Tables)
}

func printTables(out io.Writer, tables []client.Table) error {
	for _, table := range tables {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "\n%s: %d rows\n", table.Name, table.RowCount)
		fmt.Fprintln(w, "  column\ttype\tempty\tdistinct\trange\texamples")
		for _, col := range table.Columns {
			fmt.Fprintf(w, "  %s\t%s\t%d\t%s\t%s\t%s\n", col.Name, col.Type, col.Nulls, distinct(col.Distinct), span(col), examples(col.Examples))
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func distinct(n int) string {
	if n == 0 {
		return "many"
	}
	return fmt.Sprint(n)
}

func span(c client.Column) string {
	if c.Min == nil || c.Max == nil {
		return ""
	}
	return oneLine(fmt.Sprintf("%v .. %v", c.Min, c.Max))
}

// examples shows a few values on one line.
func examples(values []any) string {
	var shown []string
	for _, v := range values[:min(len(values), 3)] {
		shown = append(shown, fmt.Sprint(v))
	}
	return oneLine(strings.Join(shown, ", "))
}
