package deja

import (
	"slices"
	"strings"
)

func findTable(v any, s *Schema) (*Table, *Error) {
	names := make([]string, len(s.Tables))
	for i := range s.Tables {
		names[i] = s.Tables[i].Name
	}
	if len(names) == 0 {
		return nil, Errorf(CodeInvalid, "there are no tables to query")
	}
	switch v := v.(type) {
	case nil:
		if len(names) == 1 {
			return &s.Tables[0], nil
		}
		return nil, Errorf(CodeInvalid, "name a table; there are %s", quoted(names))
	case string:
		if i := match(names, v); i >= 0 {
			return &s.Tables[i], nil
		}
		return nil, Errorf(CodeInvalid, "there is no table %q; there are %s", brief(v), quoted(names))
	}
	return nil, Errorf(CodeInvalid, "the table must be a name, not %s; there are %s", kindOf(v), quoted(names))
}

// match finds a name among names: the same, or else the only one that differs
// in case alone. It gives -1 when there is none.
func match(names []string, name string) int {
	if i := slices.Index(names, name); i >= 0 {
		return i
	}
	found := -1
	for i := range names {
		if strings.EqualFold(names[i], strings.TrimSpace(name)) {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}

// columnNames are the names of a table's columns.
func (t *Table) columnNames() []string {
	names := make([]string, len(t.Columns))
	for i := range t.Columns {
		names[i] = t.Columns[i].Name
	}
	return names
}

// findColumn finds a column by its name, see match.
func (t *Table) findColumn(v any) (int, *Error) {
	names := t.columnNames()
	name, ok := v.(string)
	if !ok {
		return -1, Errorf(CodeInvalid, "a column must be a name, not %s; table %q has %s", kindOf(v), t.Name, quoted(names))
	}
	if i := match(names, name); i >= 0 {
		return i, nil
	}
	return -1, Errorf(CodeInvalid, "there is no column %q in table %q; it has %s", brief(name), t.Name, quoted(names))
}

// parseNames reads a list of columns, or a single one. Repeats count once.
func (t *Table) parseNames(v any) ([]int, *Error) {
	var positions []int
	for _, item := range asList(v) {
		i, err := t.findColumn(item)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(positions, i) {
			positions = append(positions, i)
		}
	}
	return positions, nil
}

// asList takes a single value for a list of one, and null for none.
func asList(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}
