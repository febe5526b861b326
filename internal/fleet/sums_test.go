package fleet

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dejahq/deja/internal/monitor"
)

// Several who count at once never take back what one of them has counted.
func TestADayIsCountedByManyAtOnce(t *testing.T) {
	t.Parallel()
	var counted atomic.Uint64
	more := func() monitor.Totals { return monitor.Totals{Requests: counted.Add(1)} }
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	d := newDays("a", now, monitor.Totals{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 2000 {
				// Each look finds one request more, and so the n-th share has n.
				if s := d.count(now, more); s.Requests != s.Seq {
					t.Errorf("share %d has %d requests", s.Seq, s.Requests)
					return
				}
			}
		})
	}
	all.Wait()
}

// However many assistants there ever were, the sum of nodes that are gone stays
// small, and loses nothing.
func TestTheRetiredSumIsBounded(t *testing.T) {
	t.Parallel()
	var sum monitor.Snapshot
	const nodes, assistants = 4, 700
	for n := range nodes {
		m := monitor.New(monitor.Options{})
		for i := range assistants {
			for range n + 1 { // those of later nodes are busier
				m.Asked(fmt.Sprintf("asst_%d_%d", n, i))
			}
		}
		sum = retired(sum, m.Snapshot())
	}
	if len(sum.Accounts) != maxAccounts+1 {
		t.Errorf("%d accounts", len(sum.Accounts))
	}
	var total monitor.Account
	for _, a := range sum.Accounts {
		total.Add(a)
	}
	if want := int64(assistants * (1 + 2 + 3 + 4)); total != sum.Answers || total.Requests != want {
		t.Errorf("the accounts add up to %d, all answers are %d, asked were %d", total.Requests, sum.Answers.Requests, want)
	}
	// The order in which they are merged next.
	if again := sum.Merge(sum); len(again.Accounts) != len(sum.Accounts) {
		t.Errorf("added to itself it has %d accounts", len(again.Accounts))
	}
}
