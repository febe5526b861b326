package deja

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// compare completes a comparison of a column with a JSON value. Where the
// value does not have the column's form but means something exact
// (age > 30.5, a day of a datetime column), the condition that it means takes
// its place.
func (p *filterParser) compare(c Condition, col *Column, v any) (Condition, *Error) {
	if v == nil {
		if !nullable(c.Op) {
			return c, Errorf(CodeInvalid, "$%s cannot compare with null; $eq, $ne, $in and $nin can", c.Op)
		}
		return c, nil
	}
	switch c.Op {
	case OpContains, OpStartsWith, OpEndsWith:
		var err *Error
		c.Value, err = col.parseText(v) // a part of a date is text, not a date
		return c, err
	case OpGt, OpGte, OpLt, OpLte:
		if floor, ok := fractionFloor(col, v); ok {
			if c.Value = floor; c.Op == OpGt || c.Op == OpGte {
				c.Op = OpGt
			} else {
				c.Op = OpLte
			}
			return c, nil
		}
	}
	if text, ok := v.(string); ok && col.Type == TypeDateTime {
		if day, ok := parseDay(text); ok {
			return p.compareDay(c, col, day)
		}
	}
	var err *Error
	c.Value, err = col.parseValue(v)
	return c, err
}

// fractionFloor rounds down a number with a fraction that an integer column
// is compared with.
func fractionFloor(col *Column, v any) (int64, bool) {
	if col.Type != TypeInteger && col.Type != TypeYear {
		return 0, false
	}
	n, ok := number(v)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	if err != nil || f == math.Trunc(f) {
		return 0, false
	}
	return int64(math.Floor(f)), true // below 2^53, or there would be no fraction
}

// parseValue gives a JSON value the form of the column, or refuses it.
func (col *Column) parseValue(v any) (any, *Error) {
	if v == nil {
		return nil, nil
	}
	switch col.Type {
	case TypeString:
		return col.parseText(v)
	case TypeInteger, TypeYear:
		return col.parseInteger(v)
	case TypeNumber:
		if n, ok := number(v); ok {
			if f, err := n.Float64(); err == nil {
				return f, nil
			}
		}
		return nil, col.refuse(v, "a number")
	case TypeBoolean:
		return col.parseBoolean(v)
	case TypeDate:
		return col.parseDate(v)
	case TypeDateTime:
		return col.parseDateTime(v)
	case TypeTime:
		return col.parseTime(v)
	}
	return nil, Errorf(CodeInternal, "column %q has the unknown type %q", col.Name, col.Type)
}

// refuse says what a column wants instead of a value.
func (col *Column) refuse(v any, want string) *Error {
	return Errorf(CodeInvalid, "column %q is of type %s and compares with %s, not with %s", col.Name, col.Type, want, kindOf(v))
}

// number reads a JSON number, or a text that is written like one.
func number(v any) (json.Number, bool) {
	switch v := v.(type) {
	case json.Number:
		return v, true
	case string:
		text := strings.TrimSpace(v)
		if text == "" || text[0] != '-' && (text[0] < '0' || text[0] > '9') || !json.Valid([]byte(text)) {
			return "", false
		}
		return json.Number(text), true
	}
	return "", false
}

func (col *Column) parseInteger(v any) (any, *Error) {
	n, ok := number(v)
	if !ok {
		return nil, col.refuse(v, "a whole number")
	}
	if i, err := n.Int64(); err == nil {
		return i, nil
	}
	// 42.0 and 4.2e1 are whole too, where a float64 holds all of them exactly.
	const exact = 1 << 53
	f, err := n.Float64()
	if err != nil || f != math.Trunc(f) || math.Abs(f) >= exact {
		return nil, col.refuse(v, "a whole number of 64 bits")
	}
	return int64(f), nil
}

// parseText takes a text, or a number as it was written: a column of codes
// such as 00501 is text although they look like numbers.
func (col *Column) parseText(v any) (any, *Error) {
	var text string
	switch v := v.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
	default:
		return nil, col.refuse(v, "text")
	}
	if len(text) > MaxTextValue {
		return nil, Errorf(CodeInvalid, "the text to compare %q with is longer than %d bytes", col.Name, MaxTextValue)
	}
	if strings.ContainsRune(text, 0) {
		return nil, Errorf(CodeInvalid, "the text to compare %q with has a NUL character", col.Name)
	}
	return text, nil
}

func (col *Column) parseBoolean(v any) (any, *Error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
	}
	return nil, col.refuse(v, "true or false")
}

// fractionDigits gives the digits of a column's fractions of a second: the
// same in all of its values, or they would not order as text.
func (col *Column) fractionDigits() (digits int, known bool) {
	least, ok := col.Min.(string)
	if !ok {
		return 0, false
	}
	_, fraction, _ := strings.Cut(strings.TrimSuffix(least, "Z"), ".")
	return len(fraction), true
}

// fraction writes nanoseconds the way the column does.
func (col *Column) fraction(nanoseconds int, v any) (string, *Error) {
	text := strings.TrimRight(strconv.Itoa(1_000_000_000 + nanoseconds)[1:], "0")
	digits, known := col.fractionDigits()
	switch {
	case !known: // no values to compare with anyway
	case len(text) > digits:
		return "", col.refuse(v, "values of at most "+strconv.Itoa(digits)+" digits of a second")
	default:
		text += strings.Repeat("0", digits-len(text))
	}
	if text == "" {
		return "", nil
	}
	return "." + text, nil
}
