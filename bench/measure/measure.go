// Package measure does the same work with each rival and says how it went.
package measure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/dejahq/deja/bench/rivals"
)

// Better says which of two figures is the better one.
type Better int

// The directions.
const (
	Neither Better = iota // a figure to read the others by
	Lower
	Higher
)

// Row is one figure, of each rival that has it.
type Row struct {
	What    string
	Better  Better
	Figures map[string]float64 // by rival
	Format  func(float64) string
}

// Section is rows that belong together.
type Section struct {
	Title, How string
	Rivals     []rivals.Rival
	Rows       []Row
}

// Options say how long to measure.
type Options struct {
	Redis  string        // host:port
	Length time.Duration // of one run of one rival
	Rounds int           // of which the best counts: others use the machine, too
	Data   string        // the folder with the key traces; "" for none
}

// text is about what an assistant's instructions come to.
var text = strings.Repeat("Answer from the tables, name the column, and say so when you can't. ", 12)

func document(_ context.Context, id string) (rivals.Value, error) {
	return rivals.Value{ID: id, Version: 1, Name: "assistant " + id, Text: text, Tags: []string{"a", "b"}}, nil
}

func ids(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("asst_%06d", i)
	}
	return all
}

// fill reads every id once, by some callers.
func fill(c rivals.Cache, ids []string) error {
	var all sync.WaitGroup
	const callers = 32
	errs := make([]error, callers)
	for w := range callers {
		all.Go(func() {
			for i := w; i < len(ids) && errs[w] == nil; i += callers {
				_, errs[w] = c.Get(context.Background(), ids[i])
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// prefix keeps the rivals' keys, and the runs', apart.
func prefix(run string, r rivals.Rival) string {
	return fmt.Sprintf("%s:%s:%d:", run, r.Name, time.Now().UnixNano())
}

// keep puts the better of two figures of one rival in the row.
func (r *Row) keep(name string, figure float64) {
	old, ok := r.Figures[name]
	if !ok || r.Better != Higher && figure < old || r.Better == Higher && figure > old {
		r.Figures[name] = figure
	}
}

func newRow(what string, better Better, format func(float64) string) Row {
	return Row{What: what, Better: better, Figures: make(map[string]float64), Format: format}
}

func plain(unit string) func(float64) string {
	return func(f float64) string {
		switch {
		case f >= 100 || f == 0 || f == float64(int64(f)):
			return fmt.Sprintf("%.0f%s", f, unit)
		case f >= 10:
			return fmt.Sprintf("%.1f%s", f, unit)
		}
		return fmt.Sprintf("%.2f%s", f, unit)
	}
}

func thousands(f float64) string { return fmt.Sprintf("%.1fk", f/1000) }

func percent(f float64) string { return fmt.Sprintf("%.2f %%", 100*f) }
