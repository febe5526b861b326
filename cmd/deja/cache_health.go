package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dejahq/deja/client"
)

// cacheHealthCmd shows the server's health.
type cacheHealthCmd struct{}

// Run asks the server and ends with status 1 when it is unhealthy.
func (*cacheHealthCmd) Run(ctx context.Context, c *cacheCmd, t terminal) error {
	api, ctx, cancel, err := c.api(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	h, err := api.Health(ctx)
	if err != nil {
		return c.explain(err)
	}
	if c.JSON {
		err = printJSON(t.stdout, h)
	} else {
		err = printHealth(t.stdout, h)
	}
	if err == nil && h.Status == client.StatusUnhealthy {
		return exitStatus(exitError)
	}
	return err
}

func printHealth(out io.Writer, h *client.Health) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	s := h.Stats
	fmt.Fprintf(w, "status\t%s\n", h.Status)
	fmt.Fprintf(w, "server\tdeja %s, node %s, up %s\n", h.Version, h.Node, uptime(s.ServerUptime))
	fmt.Fprintf(w, "memory\t%d entries, %s of %s\n", s.LocalItems, size(s.LocalBytes), size(s.LocalLimit))
	fmt.Fprintf(w, "redis\t%s\n", redisState(h))
	fmt.Fprintf(w, "store\t%s, %s\n", h.Store.Name, linked(h.Store.Connected))
	fmt.Fprintf(w, "model\t%s\n", h.Model)
	if r := h.Redis; r != nil && h.Cache.Connected {
		fmt.Fprintf(w, "redis setup\t%s, keeps %s, fragmentation %.2f, %d replicas\n", r.EvictionPolicy, cmp.Or(r.Persistence, "unknown"), r.Fragmentation, r.Replicas)
	}
	for _, name := range slices.Sorted(maps.Keys(h.Breakers)) {
		if state := h.Breakers[name]; state != "closed" {
			fmt.Fprintf(w, "breaker\t%s: %s\n", name, state)
		}
	}
	if len(h.Nodes) > 1 {
		fmt.Fprintf(w, "nodes\t%s\n", nodeNames(h.Nodes))
	}
	for _, note := range h.Notes {
		fmt.Fprintf(w, "note\t%s\n", note)
	}
	for _, a := range h.Advice {
		fmt.Fprintf(w, "%s\t%s (%s)\n", a.Severity, a.Message, a.Code)
	}
	return w.Flush()
}

func nodeNames(nodes []client.NodeMetrics) string {
	var names []string
	for _, n := range nodes {
		name := n.Name
		if !n.Alive {
			name += " (gone)"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

func redisState(h *client.Health) string {
	s := h.Stats
	switch {
	case h.Cache.Provider == "memory":
		return "not configured"
	case !h.Cache.Connected:
		state := linked(false)
		if s.LastError != "" {
			state += ": " + s.LastError
		}
		return state
	}
	parts := []string{linked(true), fmt.Sprintf("%.2f ms", s.LatencyMillis), "version " + s.RedisVersion, s.Role}
	parts = append(parts, fmt.Sprintf("%d keys", s.TotalKeys))
	used := s.MemoryInfo
	if s.MaxMemory > 0 {
		used += " of " + size(s.MaxMemory)
	}
	parts = append(parts, used)
	if s.Breaker != "closed" {
		parts = append(parts, "breaker "+s.Breaker)
	}
	return strings.Join(parts, ", ")
}

func linked(there bool) string {
	if there {
		return "connected"
	}
	return "not connected"
}

// uptime gives seconds as people say them.
func uptime(seconds int64) string {
	d := time.Duration(seconds) * time.Second
	if d < 24*time.Hour {
		return d.String()
	}
	return fmt.Sprintf("%dd%s", d/(24*time.Hour), d%(24*time.Hour))
}

// size gives bytes as people say them.
func size(n int64) string {
	f, unit := float64(n), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if f < 1024 {
			break
		}
		f, unit = f/1024, next
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}
