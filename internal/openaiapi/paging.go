package openaiapi

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/dejahq/deja"
)

// listObject is one page of a listing. The ids are "" when it is empty.
type listObject[T any] struct {
	Object  string `json:"object"`
	Data    []T    `json:"data"`
	FirstID string `json:"first_id"`
	LastID  string `json:"last_id"`
	HasMore bool   `json:"has_more"`
}

// newList shows a page of things.
func newList[T, O any](l deja.Listing[T], show func(*T) O, id func(*T) string) listObject[O] {
	out := listObject[O]{Object: "list", Data: make([]O, len(l.Data)), HasMore: l.HasMore}
	for i := range l.Data {
		out.Data[i] = show(&l.Data[i])
	}
	if n := len(l.Data); n > 0 {
		out.FirstID, out.LastID = id(&l.Data[0]), id(&l.Data[n-1])
	}
	return out
}

// defaultLimit is how many things a page has when the request does not say.
const defaultLimit = 20

// page reads limit, order, after and before. The cursors are ids with prefix.
func page(r *http.Request, prefix string) (deja.Page, error) {
	q := r.URL.Query()
	p := deja.Page{Limit: defaultLimit, After: q.Get("after"), Before: q.Get("before")}
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		switch {
		case err != nil:
			return p, invalid("limit", "invalid_type", "'limit' has to be an integer, not '%.32s'.", s)
		case n < 1:
			return p, invalid("limit", "integer_below_min_value", "'limit' has to be 1 at least.")
		case n > 100:
			return p, invalid("limit", "integer_above_max_value", "'limit' has to be 100 at most.")
		}
		p.Limit = n
	}
	switch s := q.Get("order"); s {
	case "", "desc":
	case "asc":
		p.Asc = true
	default:
		return p, invalid("order", "invalid_value", "'order' has to be 'asc' or 'desc', not '%.32s'.", s)
	}
	for name, id := range map[string]string{"after": p.After, "before": p.Before} {
		if id != "" && !deja.ValidID(prefix, id) {
			return p, noCursor(name, id)
		}
	}
	return p, nil
}

func noCursor(name, id string) error {
	return invalid(name, "invalid_value", "'%s' has to be the id of something in the list; '%.64s' is not.", name, id)
}

// cut gives a page of a list that is at hand as a whole, oldest first.
func cut[T any](all []T, p deja.Page, id func(*T) string) (deja.Listing[T], error) {
	items := slices.Clone(all)
	if !p.Asc {
		slices.Reverse(items)
	}
	find := func(name, cursor string) (int, error) {
		i := slices.IndexFunc(items, func(t T) bool { return id(&t) == cursor })
		if i < 0 {
			return 0, noCursor(name, cursor)
		}
		return i, nil
	}
	from, to := 0, len(items)
	if p.After != "" {
		i, err := find("after", p.After)
		if err != nil {
			return deja.Listing[T]{}, err
		}
		from = i + 1
	}
	if p.Before != "" {
		i, err := find("before", p.Before)
		if err != nil {
			return deja.Listing[T]{}, err
		}
		to = max(i, from)
	}
	items = items[from:to]
	more := len(items) > p.Limit
	switch {
	case !more:
	case p.Before != "" && p.After == "":
		items = items[len(items)-p.Limit:] // the nearest to the cursor
	default:
		items = items[:p.Limit]
	}
	return deja.Listing[T]{Data: items, HasMore: more}, nil
}

// pathID reads an id of the path. What cannot be one is not there.
func pathID(r *http.Request, name, prefix, what string) (string, error) {
	id := r.PathValue(name)
	if !deja.ValidID(prefix, id) {
		return "", missing(what, id)
	}
	return id, nil
}

func missing(what, id string) error {
	return deja.Errorf(deja.CodeNotFound, "No %s found with id '%.64s'.", what, id)
}

func assistantID(r *http.Request) (string, error) {
	return pathID(r, "assistant_id", deja.AssistantPrefix, "assistant")
}

func threadID(r *http.Request) (string, error) {
	return pathID(r, "thread_id", deja.ThreadPrefix, "thread")
}

// deletedObject is the answer to a DELETE.
type deletedObject struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Deleted bool   `json:"deleted"`
}

// seconds gives a time as the API shows it.
func seconds(t time.Time) int64 { return t.Unix() }

// optional gives a time that may not have come yet.
func optional(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	return new(t.Unix())
}

// orNull gives a string that is null when empty.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// orEmpty gives metadata that is never null, as the API shows it.
func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
