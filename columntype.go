package deja

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
)

// Numeric reports whether values of the type are numbers that can be summed.
func (t ColumnType) Numeric() bool {
	return t == TypeInteger || t == TypeNumber || t == TypeYear
}

// Ordered reports whether values of the type have an order that means
// something to people, so that a range of them does.
func (t ColumnType) Ordered() bool {
	return t.Numeric() || t == TypeDate || t == TypeDateTime || t == TypeTime
}

// Textual reports whether values of the type are strings in Go, so that
// OpContains and its like apply.
func (t ColumnType) Textual() bool {
	return t == TypeString || t == TypeDate || t == TypeDateTime || t == TypeTime
}

// Holds reports whether v is a value of the type, in the type's form. Null is
// a value of every type; numbers that are not finite are of none.
func (t ColumnType) Holds(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return t.Textual()
	case int64:
		return t == TypeInteger || t == TypeYear
	case float64:
		return t == TypeNumber && !math.IsNaN(v) && !math.IsInf(v, 0)
	case bool:
		return t == TypeBoolean
	}
	return false
}

// UnmarshalJSON reads a column and gives Min, Max and Examples back in the
// form of the column's type: JSON alone would make every number a float64,
// and a schema that came out of a cache would differ from the one that went in.
func (c *Column) UnmarshalJSON(data []byte) error {
	type plain Column // without this method
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var p plain
	if err := d.Decode(&p); err != nil {
		return err
	}
	var err error
	restore := func(v any) any {
		n, ok := v.(json.Number)
		if !ok || err != nil {
			return v
		}
		var restored any
		if p.Type == TypeNumber {
			restored, err = n.Float64()
		} else {
			restored, err = n.Int64()
		}
		return restored
	}
	p.Min, p.Max = restore(p.Min), restore(p.Max)
	for i := range p.Examples {
		p.Examples[i] = restore(p.Examples[i])
	}
	if err != nil {
		return fmt.Errorf("column %q of type %s: %w", p.Name, p.Type, err)
	}
	*c = Column(p)
	return nil
}
