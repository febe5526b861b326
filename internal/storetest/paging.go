package storetest

import (
	"errors"
	"slices"
	"testing"

	"github.com/dejahq/deja"
)

func idsOf[T any](items []T, id func(*T) string) []string {
	ids := make([]string, len(items))
	for i := range items {
		ids[i] = id(&items[i])
	}
	return ids
}

// checkPaging asks a listing for pages of every kind. order holds all ids,
// oldest first.
func checkPaging(t *testing.T, order []string, list func(deja.Page) (ids []string, more bool, err error)) {
	t.Helper()
	check := func(p deja.Page, want []string, wantMore bool) {
		t.Helper()
		got, more, err := list(p)
		ok(t, err)
		if !slices.Equal(got, want) || more != wantMore {
			t.Fatalf("page %+v: %v, more: %v\nwant %v, more: %v", p, got, more, want, wantMore)
		}
	}
	for _, asc := range []bool{true, false} {
		listed := slices.Clone(order)
		if !asc {
			slices.Reverse(listed)
		}
		n := len(listed)
		for _, limit := range []int{1, 3, n - 1, n, 100} {
			check(deja.Page{Limit: limit, Asc: asc}, listed[:min(limit, n)], limit < n)
			for i, id := range listed {
				rest := listed[i+1:]
				check(deja.Page{Limit: limit, Asc: asc, After: id}, rest[:min(limit, len(rest))], limit < len(rest))
				check(deja.Page{Limit: limit, Asc: asc, Before: id}, listed[max(0, i-limit):i], limit < i)
			}
		}
		between := listed[2 : n-1]
		check(deja.Page{Limit: 100, Asc: asc, After: listed[1], Before: listed[n-1]}, between, false)
		check(deja.Page{Limit: len(between), Asc: asc, After: listed[1], Before: listed[n-1]}, between, false)
		check(deja.Page{Limit: 1, Asc: asc, After: listed[1], Before: listed[n-1]}, between[:1], len(between) > 1)
		check(deja.Page{Limit: 5, Asc: asc, After: listed[n-1], Before: listed[0]}, nil, false)
	}
	for _, limit := range []int{0, -1, 101} {
		wantParam(t, list, deja.Page{Limit: limit}, "limit")
	}
	for _, cursor := range []string{"nothing", "' OR 1=1 --", order[0] + "x"} {
		wantParam(t, list, deja.Page{Limit: 10, After: cursor}, "after")
		wantParam(t, list, deja.Page{Limit: 10, Before: cursor}, "before")
	}
}

// wantParam checks that a page is refused because of one of its fields.
func wantParam(t *testing.T, list func(deja.Page) ([]string, bool, error), p deja.Page, param string) {
	t.Helper()
	_, _, err := list(p)
	wantCode(t, err, deja.CodeInvalid)
	if e, _ := errors.AsType[*deja.Error](err); e.Param != param {
		t.Errorf("page %+v is refused with Param %q, want %q", p, e.Param, param)
	}
}
