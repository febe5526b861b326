package openaiapi

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dejahq/deja"
)

func TestPage(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]any{
		"":                                    deja.Page{Limit: 20},
		"limit=1&order=asc":                   deja.Page{Limit: 1, Asc: true},
		"limit=100&order=desc":                deja.Page{Limit: 100},
		"after=msg_a&before=msg_b":            deja.Page{Limit: 20, After: "msg_a", Before: "msg_b"},
		"after=&order=&limit=":                deja.Page{Limit: 20},
		"include[]=x&foo=bar":                 deja.Page{Limit: 20},
		"limit=0":                             fault{400, "limit", "integer_below_min_value"},
		"limit=-1":                            fault{400, "limit", "integer_below_min_value"},
		"limit=101":                           fault{400, "limit", "integer_above_max_value"},
		"limit=99999999999999999999":          fault{400, "limit", "invalid_type"},
		"limit=ten":                           fault{400, "limit", "invalid_type"},
		"limit=1.5":                           fault{400, "limit", "invalid_type"},
		"order=up":                            fault{400, "order", "invalid_value"},
		"after=thread_a":                      fault{400, "after", "invalid_value"},
		"before=" + url.QueryEscape("msg_a'"): fault{400, "before", "invalid_value"},
		"after=%00":                           fault{400, "after", "invalid_value"},
	} {
		p, err := page(httptest.NewRequest("GET", "/?"+query, nil), deja.MessagePrefix)
		var got any = p
		if err != nil {
			got = faultOf(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
}

// TestCut walks lists of any length page by page, both ways and from both
// ends, and wants to see each element once and in order.
func TestCut(t *testing.T) {
	t.Parallel()
	id := func(s *string) string { return *s }
	rapid.Check(t, func(t *rapid.T) {
		all := make([]string, rapid.IntRange(0, 30).Draw(t, "length"))
		for i := range all {
			all[i] = strconv.Itoa(i)
		}
		p := deja.Page{Limit: rapid.IntRange(1, 12).Draw(t, "limit"), Asc: rapid.Bool().Draw(t, "asc")}
		want := slices.Clone(all)
		if !p.Asc {
			slices.Reverse(want)
		}
		backwards := rapid.Bool().Draw(t, "backwards")
		var seen []string
		if backwards && len(want) > 0 {
			p.Before = want[len(want)-1]
			seen = []string{p.Before}
		}
		for {
			l, err := cut(all, p, id)
			if err != nil {
				t.Fatal(err)
			}
			if len(l.Data) > p.Limit || l.HasMore && len(l.Data) != p.Limit {
				t.Fatalf("a page of %d with limit %d", len(l.Data), p.Limit)
			}
			if backwards {
				seen = append(slices.Clone(l.Data), seen...)
			} else {
				seen = append(seen, l.Data...)
			}
			if !l.HasMore {
				break
			}
			if backwards {
				p.Before = l.Data[0]
			} else {
				p.After = l.Data[len(l.Data)-1]
			}
		}
		if !slices.Equal(seen, want) {
			t.Fatalf("saw %v of %v", seen, want)
		}
	})
}

func TestCutBetween(t *testing.T) {
	t.Parallel()
	id := func(s *string) string { return *s }
	all := []string{"a", "b", "c", "d", "e"}
	l, err := cut(all, deja.Page{Limit: 2, Asc: true, After: "a", Before: "e"}, id)
	if want := (deja.Listing[string]{Data: []string{"b", "c"}, HasMore: true}); err != nil || !cmp.Equal(l, want) {
		t.Errorf("%v, %v", l, err)
	}
	if l, err := cut(all, deja.Page{Limit: 2, Asc: true, After: "d", Before: "b"}, id); err != nil || len(l.Data) != 0 {
		t.Errorf("%v, %v", l, err)
	}
	for _, p := range []deja.Page{{Limit: 2, After: "x"}, {Limit: 2, Before: "x"}} {
		if _, err := cut(all, p, id); faultOf(err).Status != http.StatusBadRequest {
			t.Errorf("%+v: %v", p, err)
		}
	}
}
