package main

import (
	"fmt"
	"os"
	"sync"
)

// host stands in for a test. Several servers start at the same time.
type host struct {
	mu       sync.Mutex
	cleanups []func()
}

func (h *host) Helper()             {}
func (h *host) Logf(string, ...any) {}

func (h *host) Cleanup(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cleanups = append(h.cleanups, f)
}

func (h *host) Fatalf(f string, args ...any) {
	h.cleanup()
	fmt.Fprintf(os.Stderr, "historycheck: "+f+"\n", args...)
	os.Exit(exitUnknown)
}

func (h *host) TempDir() string {
	dir, err := os.MkdirTemp("", "historycheck")
	if err != nil {
		h.Fatalf("%v", err)
	}
	h.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (h *host) cleanup() {
	for last := h.last(); last != nil; last = h.last() {
		last()
	}
}

// last takes off the cleanup that comes next, nil when there is none.
func (h *host) last() func() {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.cleanups) - 1
	if n < 0 {
		return nil
	}
	last := h.cleanups[n]
	h.cleanups = h.cleanups[:n]
	return last
}
