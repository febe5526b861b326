package sqlite

import (
	"fmt"
	"math"

	"github.com/dejahq/deja"
)

// output is a column of the result.
type output struct {
	name string
	sql  string
	form deja.ColumnType
}

func (c *compiled) names() []string {
	names := make([]string, len(c.out))
	for i, o := range c.out {
		names[i] = o.name
	}
	return names
}

// read reads a row of the result.
func (c *compiled) read(r scanner) (deja.Row, error) {
	row := make(deja.Row, len(c.out))
	into := make([]any, len(row))
	for i := range row {
		into[i] = &row[i]
	}
	if err := r.Scan(into...); err != nil {
		return nil, err
	}
	for i, v := range row {
		var err error
		if row[i], err = c.out[i].value(v); err != nil {
			return nil, err
		}
	}
	return row, nil
}

// value gives a value as its column's form wants it.
func (o output) value(v any) (any, error) {
	switch v := v.(type) {
	case nil, string:
		return v, nil
	case int64:
		if o.form == deja.TypeBoolean {
			return v != 0, nil
		}
		return v, nil
	case float64:
		// Values are finite; a figure over them need not be.
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, errSum(fmt.Errorf("%s is %v", o.sql, v))
		}
		return v, nil
	}
	return nil, fmt.Errorf("a %T in a row", v)
}
