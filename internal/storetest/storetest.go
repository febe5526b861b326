// Package storetest holds every deja.Store to the contract of its interface:
// Run checks what a store does while it lives, Crash what is left of it after
// a kill -9.
package storetest

import (
	"testing"

	"github.com/dejahq/deja"
)

// Run checks a store against the contract. open gives a new, empty store with
// every call and closes it when its test ends; it is called from parallel
// subtests.
func Run(t *testing.T, open func(t *testing.T) deja.Store) {
	areas := []struct {
		name  string
		tests []storeTest
	}{
		{"assistants", assistantTests},
		{"marks", markTests},
		{"sources", sourceTests},
		{"import", importTests},
		{"query", queryTests},
		{"aggregate", aggregateTests},
		{"threads", threadTests},
		{"messages", messageTests},
		{"runs", runTests},
		{"days", dayTests},
		{"missing", missingTests},
		{"concurrency", concurrencyTests},
		{"context", contextTests},
		{"values", valueTests},
	}
	for _, area := range areas {
		t.Run(area.name, func(t *testing.T) {
			t.Parallel()
			for _, test := range area.tests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					test.run(t, open(t))
				})
			}
		})
	}
}

// storeTest is one test on a store of its own.
type storeTest struct {
	name string
	run  func(t *testing.T, s deja.Store)
}
