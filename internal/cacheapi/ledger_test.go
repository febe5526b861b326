package cacheapi

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/monitor"
)

// The busiest accounts are shown; the rest is summed up, the overflow with it,
// so that what is shown adds up to all there is.
func TestShownAccounts(t *testing.T) {
	t.Parallel()
	var all []monitor.Account
	var sum monitor.Account
	for i := range 250 {
		all = append(all, monitor.Account{AssistantID: fmt.Sprint("asst_", i), Requests: int64(i % 50), MoneySaved: 3})
	}
	all = append(all, monitor.Account{AssistantID: monitor.Overflow, Requests: 7})
	for _, a := range all {
		sum.Add(a)
	}
	given := slices.Clone(all)
	shown := shownAccounts(all)
	if !slices.Equal(given, all) {
		t.Error("the snapshot was changed")
	}
	var got monitor.Account
	for i, a := range shown {
		got.Add(a)
		if i > 0 && i < maxAccounts && a.Requests > shown[i-1].Requests {
			t.Errorf("%s comes after %s", a.AssistantID, shown[i-1].AssistantID)
		}
	}
	if got != sum || len(shown) != maxAccounts+1 || shown[maxAccounts].AssistantID != monitor.Overflow {
		t.Errorf("%d accounts of %+v, want %+v", len(shown), got, sum)
	}
	if few := shownAccounts(all[:2]); len(few) != 2 {
		t.Errorf("of two accounts %d are shown", len(few))
	}
}

// Answers know what they took; a hit of another layer saves what a load takes
// on average, less the hit itself.
func TestTimeSaved(t *testing.T) {
	t.Parallel()
	answers := monitor.Account{TimeSpent: 9 * time.Second, TimeSaved: 7 * time.Second, Coalesced: 4, QueriesAvoided: 5}
	times := cache.Histogram{Counts: []uint64{4}, Sum: 4 * time.Millisecond}
	loaded := cache.LayerStats{
		Name: layers.SchemaInfo, MemoryHits: 6, RedisHits: 3, Shared: 1, Loads: 2, LoadTime: 200 * time.Millisecond,
		HitTimes: times, CostAvoided: 10,
	}
	if spent, saved := timeOf(loaded, answers); spent != 200*time.Millisecond || saved != 990*time.Millisecond {
		t.Errorf("%s spent, %s saved", spent, saved)
	}
	slow := loaded
	slow.HitTimes.Sum = time.Hour
	if _, saved := timeOf(slow, answers); saved != 0 {
		t.Errorf("hits that are slower than loads save %s", saved)
	}
	if spent, saved := timeOf(cache.LayerStats{MemoryHits: 5}, answers); spent != 0 || saved != 0 {
		t.Errorf("without a load: %s, %s", spent, saved)
	}
	message := cache.LayerStats{Name: layers.MessageResponses, CostAvoided: 10}
	if l := layerOf(message, answers); l.TimeSavedMs != 7000 || l.Coalesced != 4 || l.QueriesAvoided != 15 {
		t.Errorf("%+v", l)
	}
	if l := layerOf(loaded, answers); l.TimeSavedMs != 990 || l.Coalesced != 0 || l.QueriesAvoided != 10 {
		t.Errorf("%+v", l)
	}
}
