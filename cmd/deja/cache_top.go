package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/dejahq/deja/client"
)

// cacheTopCmd shows the counters again and again.
type cacheTopCmd struct {
	Once     bool    `help:"Print one snapshot and end; so it is where there is no terminal." xor:"count"`
	Count    int     `help:"End after so many looks." placeholder:"N" xor:"count"`
	Interval seconds `help:"Time between two looks." default:"1" placeholder:"SECONDS"`
	Scope    string  `help:"Counters of the asked node, or of all nodes (fleet)." enum:"node,fleet" default:"node"`
	Keys     int     `help:"How many hot keys and assistants to show." default:"10"`
}

// Help is the text of cache top --help.
func (*cacheTopCmd) Help() string {
	return `Rates are those of the time between two looks; the first look has none. With
--json, each look is one line. It goes on until Ctrl-C, if not told otherwise.`
}

// Validate refuses what can't be shown.
func (p *cacheTopCmd) Validate() error {
	if p.Count < 0 {
		return errors.New("--count: it cannot be negative")
	}
	if p.Keys < 0 || p.Keys > 100 {
		return errors.New("--keys: from 0 to 100")
	}
	return nil
}

// Run looks until ctx ends.
func (p *cacheTopCmd) Run(ctx context.Context, c *cacheCmd, t terminal) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	live := isTerminal(t.stdout) && !c.JSON
	left := p.Count // looks; 0: for ever
	if p.Once || left == 0 && !live && !c.JSON {
		left = 1
	}
	tick := time.NewTicker(time.Duration(p.Interval))
	defer tick.Stop()
	var before *client.Metrics
	for clear := live && left != 1; ; {
		short, cancel := context.WithTimeout(ctx, answerTime)
		m, err := api.ScopedMetrics(short, client.Scope(p.Scope))
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil // Ctrl-C is the way to end it
		case err != nil:
			return c.explain(err)
		case c.JSON:
			err = json.NewEncoder(t.stdout).Encode(m)
		default:
			err = p.frame(t.stdout, m, before, clear)
		}
		if left--; err != nil || left == 0 {
			return err
		}
		before = m
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// The terminal's cursor goes home, and what is below it is cleared.
const clearScreen = "\x1b[H\x1b[2J\x1b[3J"

// frame writes one look in one piece, so that it doesn't flicker.
func (p *cacheTopCmd) frame(out io.Writer, m, before *client.Metrics, clear bool) error {
	var b bytes.Buffer
	p.head(&b, m, before)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "layer\thits\tmisses\thit rate\thits/s\tmisses/s\thit p95 ms\tload p95 ms\tentries\tsize\t")
	for _, l := range m.Layers {
		hits, misses := "", ""
		if was := layerNamed(before, l.Name); was != nil {
			hits, misses = perSecond(m, before, l.Hits, was.Hits), perSecond(m, before, l.Misses, was.Misses)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%.1f %%\t%s\t%s\t%.2f\t%.2f\t%d\t%s\t\n", l.Name, l.Hits, l.Misses, l.HitRate,
			hits, misses, l.HitP95, l.LoadP95, l.MemoryItems, size(l.MemoryBytes))
	}
	w.Flush()
	p.nodes(&b, m)
	p.hot(&b, m)
	if !clear {
		_, err := out.Write(b.Bytes())
		return err
	}
	_, err := raw(out).Write(append([]byte(clearScreen), harmless(b.Bytes())...))
	return err
}

func (p *cacheTopCmd) head(b *bytes.Buffer, m, before *client.Metrics) {
	s, v := m.Summary, m.Savings
	fmt.Fprintf(b, "deja %s  %s\n", scopeName(m), m.Timestamp.Local().Format(time.DateTime))
	if m.Note != "" {
		fmt.Fprintf(b, "note: %s\n", m.Note)
	}
	rate := ""
	if before != nil {
		rate = " (" + perSecond(m, before, s.TotalRequests, before.Summary.TotalRequests) + "/s)"
	}
	fmt.Fprintf(b, "requests %d%s  hit rate %.1f %%  p50 %.2f  p95 %.2f  p99 %.2f ms\n", s.TotalRequests, rate, s.OverallHitRate, s.P50, s.P95, s.P99)
	fmt.Fprintf(b, "queries %d made, %d avoided  model calls %d made, %d avoided  tokens %d used, %d avoided\n\n",
		v.StoreQueries, v.StoreQueriesAvoided, v.ModelCalls, v.ModelCallsAvoided, v.Tokens, v.TokensAvoided)
}

func (p *cacheTopCmd) nodes(b *bytes.Buffer, m *client.Metrics) {
	if len(m.Nodes) < 2 {
		return
	}
	b.WriteByte('\n')
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "node\tversion\tstate\tbreaker\trequests\thit rate\tmemory")
	for _, n := range m.Nodes {
		state := "gone"
		if n.Alive {
			state = "alive"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%.1f %%\t%s of %s\n", n.Name, n.Version, state, n.Breaker, n.Requests, n.HitRate, size(n.LocalBytes), size(n.LocalLimit))
	}
	w.Flush()
}

func (p *cacheTopCmd) hot(b *bytes.Buffer, m *client.Metrics) {
	if len(m.Hot.Keys) == 0 || p.Keys == 0 {
		return
	}
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\ncount\thot key")
	for _, k := range m.Hot.Keys[:min(len(m.Hot.Keys), p.Keys)] {
		fmt.Fprintf(w, "%d\t%s\n", k.Count, k.Key)
	}
	fmt.Fprintln(w, "\ncount\thot assistant")
	for _, a := range m.Hot.Assistants[:min(len(m.Hot.Assistants), p.Keys)] {
		fmt.Fprintf(w, "%d\t%s\n", a.Count, a.AssistantID)
	}
	w.Flush()
}

func scopeName(m *client.Metrics) string {
	if m.Scope == client.ScopeFleet {
		return fmt.Sprintf("fleet of %d nodes", len(m.Nodes))
	}
	return "node"
}

func layerNamed(m *client.Metrics, name string) *client.LayerMetrics {
	if m == nil {
		return nil
	}
	for i := range m.Layers {
		if m.Layers[i].Name == name {
			return &m.Layers[i]
		}
	}
	return nil
}

// perSecond is the rate of a counter between two looks; nothing after a reset.
func perSecond(m, before *client.Metrics, now, was uint64) string {
	took := m.Timestamp.Sub(before.Timestamp).Seconds()
	if now < was || took <= 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", float64(now-was)/took)
}
