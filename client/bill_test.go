package client

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadBill(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cost, saved string
		want        Bill
	}{
		{"", "", Bill{}},
		{"0", "0.00125", Bill{Cost: new(0.), Saved: new(0.00125)}},
		{"-1", "NaN", Bill{}},
		{"1e300", "Inf", Bill{}},
		{"free", "2", Bill{Saved: new(2.)}},
	} {
		h := http.Header{}
		h.Set("X-Deja-Cost", c.cost)
		h.Set("X-Deja-Saved", c.saved)
		if d := cmp.Diff(c.want, readInfo(h).Bill); d != "" {
			t.Errorf("%q, %q: %s", c.cost, c.saved, d)
		}
	}
}

// The bill at the end of an answer takes the place of what the headers said.
func TestBillAtTheEnd(t *testing.T) {
	t.Parallel()
	want := Bill{Cost: new(0.5), Currency: "EUR"}
	for name, c := range map[string]struct {
		decode decoder
		event  sseEvent
	}{
		"chat": {decodeChat, sseEvent{data: []byte(`{"choices":[],"usage":null,"deja":{"cache":"miss","cost":0.5,"saved":null,"currency":"EUR"}}`)}},
		"run":  {decodeRun, sseEvent{name: "thread.run.completed", data: []byte(`{"id":"run_1","status":"completed","deja":{"cost":0.5,"saved":null,"currency":"EUR"}}`)}},
	} {
		a := Answer{Info: Info{Bill: Bill{Saved: new(7.)}}}
		if _, _, err := c.decode(c.event, &a); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, a.Bill); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if _, _, err := c.decode(sseEvent{name: "thread.run.queued", data: []byte(`{"choices":[]}`)}, &a); err != nil || a.Bill.Cost == nil {
			t.Errorf("%s: an event without a bill leaves %+v (%v)", name, a.Bill, err)
		}
	}
}
