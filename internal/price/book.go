package price

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/dejahq/deja"
)

// Book holds the table in force. Safe for concurrent use; a nil Book knows the
// price of the built-in model only.
type Book struct {
	path  string
	log   *slog.Logger
	table atomic.Pointer[Table]
	last  []byte // what was read last, good or not; Run's own
}

// none is the table of a nil Book.
//
//nolint:gochecknoglobals // a table
var none = New("")

// maxFile bounds the size of a file of prices.
const maxFile = 1 << 20

// Open reads a file of prices (see Parse), which Run reads again when it
// changes. Without a path there are no prices, and Run has nothing to do. A
// nil logger discards.
func Open(path string, log *slog.Logger) (*Book, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	b := &Book{path: path, log: log}
	if path == "" {
		b.table.Store(none)
		return b, nil
	}
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	t, err := Parse(text)
	if err != nil {
		return nil, err
	}
	b.last = text
	b.table.Store(t)
	return b, nil
}

// Fixed gives a book of one table.
func Fixed(t *Table) *Book {
	b := &Book{}
	b.table.Store(t)
	return b
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("prices: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("prices: %w", err)
	}
	if len(text) > maxFile {
		return nil, errors.New("prices: the file is larger than 1 MiB")
	}
	return text, nil
}

// Every is how often Run looks whether the file has changed.
const Every = 5 * time.Second

// Run reads the file again when its content has changed, until ctx ends. A
// file that cannot be read leaves the prices as they are, and is logged once.
// It is read rather than watched: that works on every file system, and with
// files that are replaced by links, as Kubernetes does.
func (b *Book) Run(ctx context.Context) {
	if b == nil || b.path == "" {
		return
	}
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			b.again()
		}
	}
}

func (b *Book) again() {
	text, err := read(b.path)
	if err != nil {
		text = []byte(err.Error()) // no table begins like this; logged once
	}
	if bytes.Equal(text, b.last) {
		return
	}
	b.last = text
	if err == nil {
		var t *Table
		if t, err = Parse(text); err == nil {
			b.table.Store(t)
			b.log.Info("the prices were read again", "models", len(t.Models), "currency", t.Currency)
			return
		}
	}
	b.log.Warn("the prices could not be read again and stay as they are", "error", err)
}

// Table gives the table in force.
func (b *Book) Table() *Table {
	if b == nil {
		return none
	}
	return b.table.Load()
}

// Cost gives what tokens of a model cost. A model may go by several names,
// such as the one that it was asked for and the one that it reports; the first
// that has a price counts. It is false when none has.
func (b *Book) Cost(u deja.Usage, names ...string) (Money, bool) {
	t := b.Table()
	for _, name := range names {
		if m, ok := t.Cost(name, u); ok {
			return m, true
		}
	}
	return 0, false
}
