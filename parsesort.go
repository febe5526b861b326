package deja

import (
	"slices"
	"strings"
)

func (q *Query) parseSort(v any) *Error {
	names := q.resultNames()
	for _, item := range asList(v) {
		key, err := parseSortKey(item, names)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(q.Sort, func(k SortKey) bool { return k.Column == key.Column }) {
			q.Sort = append(q.Sort, key) // a repeat could not change the order
		}
	}
	return nil
}

// parseSortKey reads "name", "-name" or {"column":"name","direction":"desc"}.
func parseSortKey(v any, names []string) (SortKey, *Error) {
	var key SortKey
	name, ok := v.(string)
	if ok {
		key.Column = match(names, name)
		if rest, minus := strings.CutPrefix(name, "-"); minus && key.Column < 0 {
			key = SortKey{Column: match(names, rest), Desc: true}
		}
	} else {
		o, isObject := v.(object)
		if !isObject {
			return key, Errorf(CodeInvalid, `a sort key is {"column":"name","direction":"asc"} or "name" or "-name", not %s`, kindOf(v))
		}
		for _, m := range o {
			text, isText := m.value.(string)
			switch {
			case m.name == "column" && isText:
				name, ok = text, true
			case m.name == "direction" && isText && strings.EqualFold(text, "asc"):
				key.Desc = false
			case m.name == "direction" && isText && strings.EqualFold(text, "desc"):
				key.Desc = true
			case m.name == "column":
				return key, Errorf(CodeInvalid, "a sort key's column must be a name, not %s", kindOf(m.value))
			case m.name == "direction":
				return key, Errorf(CodeInvalid, `a sort direction is "asc" or "desc", not %s`, kindOf(m.value))
			default:
				return key, Errorf(CodeInvalid, `a sort key has "column" and "direction", not %q`, brief(m.name))
			}
		}
		if !ok {
			return key, Errorf(CodeInvalid, "a sort key needs a column")
		}
		key.Column = match(names, name)
	}
	if key.Column < 0 {
		return key, Errorf(CodeInvalid, "there is no column %q to sort by; there are %s", brief(name), quoted(names))
	}
	return key, nil
}
