package price

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/dejahq/deja"
)

// Local is the name of the built-in model, which costs nothing.
const Local = "deja-local"

// DefaultCurrency is that of a table which names none.
const DefaultCurrency = "USD"

// PerMillion is the price of a million tokens in millionths of the currency.
type PerMillion int64

// Model is the price of the models that a name or pattern stands for.
type Model struct {
	Name       string // * stands for any characters, as in gpt-4o-mini*
	Prompt     PerMillion
	Cached     PerMillion // of the prompt, found in the upstream's own cache
	Completion PerMillion
}

// Table says what models cost. It is not changed once it is made, and is safe
// for concurrent use.
type Table struct {
	Currency string
	AsOf     string // the date of the prices, as the file says it
	Models   []Model

	found sync.Map // model name -> *Model, nil for none
	names atomic.Int64
}

// New makes a table; an empty currency is DefaultCurrency. The built-in model
// costs nothing, unless it is listed.
func New(currency string, models ...Model) *Table {
	if currency == "" {
		currency = DefaultCurrency
	}
	return &Table{Currency: currency, Models: append(models[:len(models):len(models)], Model{Name: Local})}
}

// Bounds of what a file may say.
const (
	maxModels = 1000
	maxName   = 200
	maxPrice  = PerMillion(1e9) * 1e6 // for a million tokens: some currencies have small units
)

type tableFile struct {
	Currency string      `json:"currency"`
	AsOf     string      `json:"asOf"`
	Models   []modelFile `json:"models"`
}

type modelFile struct {
	Model      string       `json:"model"`
	Prompt     *json.Number `json:"prompt"`
	Cached     *json.Number `json:"cachedPrompt"`
	Completion *json.Number `json:"completion"`
}

// Parse reads a table from JSON:
//
//	{"currency": "USD", "asOf": "2026-11-01", "models": [
//	  {"model": "some-model*", "prompt": 0.15, "cachedPrompt": 0.075, "completion": 0.60}]}
//
// Prices are for a million tokens, with at most six decimal places. Without
// cachedPrompt, cached tokens cost as much as others.
func Parse(b []byte) (*Table, error) {
	var f tableFile
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("prices: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("prices: something follows the table")
	}
	switch {
	case len(f.Models) > maxModels:
		return nil, fmt.Errorf("prices: %d models; %d are the most", len(f.Models), maxModels)
	case f.Currency != "" && !isCurrency(f.Currency):
		return nil, fmt.Errorf("prices: the currency %.20q is not three capital letters, such as USD", f.Currency)
	case len(f.AsOf) > 40:
		return nil, errors.New("prices: asOf is too long for a date")
	}
	models := make([]Model, 0, len(f.Models))
	for i, m := range f.Models {
		one, err := m.model()
		if err != nil {
			return nil, fmt.Errorf("prices: models[%d] (%.40q): %w", i, m.Model, err)
		}
		models = append(models, one)
	}
	t := New(f.Currency, models...)
	t.AsOf = f.AsOf
	return t, nil
}

func isCurrency(s string) bool {
	return len(s) == 3 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func (f modelFile) model() (Model, error) {
	m := Model{Name: f.Model}
	switch {
	case f.Model == "" || len(f.Model) > maxName:
		return m, fmt.Errorf("a model needs a name of at most %d bytes", maxName)
	case f.Prompt == nil || f.Completion == nil:
		return m, errors.New("prompt and completion are needed; write 0 for what costs nothing")
	}
	if f.Cached == nil {
		f.Cached = f.Prompt
	}
	for _, p := range []struct {
		to   *PerMillion
		from json.Number
	}{{&m.Prompt, *f.Prompt}, {&m.Cached, *f.Cached}, {&m.Completion, *f.Completion}} {
		n, err := decimal(p.from, 6)
		if err != nil {
			return m, err
		}
		if *p.to = PerMillion(n); n < 0 || *p.to > maxPrice {
			return m, fmt.Errorf("the price %s is not between 0 and a billion", p.from)
		}
	}
	return m, nil
}

// maxNames bounds how many names a table remembers the price of; further ones
// are looked for each time.
const maxNames = 1000

// Find gives the price of a model: that of its very name, else of the pattern
// that fits with the most characters of its own, of equal ones the first.
func (t *Table) Find(name string) (Model, bool) {
	if m, ok := t.found.Load(name); ok {
		if m := m.(*Model); m != nil {
			return *m, true
		}
		return Model{}, false
	}
	best := t.search(name)
	if t.names.Load() < maxNames {
		if _, there := t.found.LoadOrStore(strings.Clone(name), best); !there {
			t.names.Add(1)
		}
	}
	if best == nil {
		return Model{}, false
	}
	return *best, true
}

func (t *Table) search(name string) *Model {
	var best *Model
	most := -1
	for i := range t.Models {
		m := &t.Models[i]
		if m.Name == name {
			return m
		}
		if own := len(m.Name) - strings.Count(m.Name, "*"); own > most && fits(m.Name, name) {
			best, most = m, own
		}
	}
	return best
}

// fits reports whether a name is one that a pattern stands for.
func fits(pattern, name string) bool {
	first, rest, any := strings.Cut(pattern, "*")
	if !any {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	parts := strings.Split(rest, "*")
	for _, part := range parts[:len(parts)-1] {
		_, after, ok := strings.Cut(name, part)
		if !ok {
			return false
		}
		name = after
	}
	return strings.HasSuffix(name, parts[len(parts)-1])
}

// Cost gives what tokens of a model cost, and false when the table does not
// know the model; nothing is guessed. It is rounded once, to the nearest
// billionth.
func (t *Table) Cost(model string, u deja.Usage) (Money, bool) {
	m, ok := t.Find(model)
	if !ok {
		return 0, false
	}
	cached := min(max(u.CachedTokens, 0), max(u.PromptTokens, 0))
	hi, lo := bits.Mul64(uint64(max(u.PromptTokens-cached, 0)), uint64(m.Prompt))
	for _, p := range []struct {
		tokens int64
		price  PerMillion
	}{{cached, m.Cached}, {max(u.CompletionTokens, 0), m.Completion}} {
		h, l := bits.Mul64(uint64(p.tokens), uint64(p.price))
		var carry uint64
		lo, carry = bits.Add64(lo, l, 0)
		hi, _ = bits.Add64(hi, h, carry)
	}
	// The product is in trillionths: a millionth's millionth.
	lo, carry := bits.Add64(lo, 500, 0)
	hi += carry
	if hi >= 500 { // beyond what Money holds
		return math.MaxInt64, true
	}
	n, _ := bits.Div64(hi, lo, 1000)
	return Money(n), true
}
