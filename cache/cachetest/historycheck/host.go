package main

import (
	"fmt"
	"os"
)

// host stands in for a test.
type host struct {
	cleanups []func()
}

func (h *host) Helper()             {}
func (h *host) Logf(string, ...any) {}
func (h *host) Cleanup(f func())    { h.cleanups = append(h.cleanups, f) }
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
	for len(h.cleanups) > 0 {
		last := h.cleanups[len(h.cleanups)-1]
		h.cleanups = h.cleanups[:len(h.cleanups)-1]
		last()
	}
}
