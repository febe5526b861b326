package openaiapi

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dejahq/deja"
)

// decoding is the state of reading one body: the first fault found. Readers go
// on after a fault with zero values, so that the code which reads a body is a
// plain list of its fields.
type decoding struct{ fault *deja.Error }

func (d *decoding) fail(e *deja.Error) {
	if d.fault == nil {
		d.fault = e
	}
}

// object is a JSON object of a request.
type object struct {
	d      *decoding
	path   string // of this object in the body; "" for the body itself
	fields map[string]json.RawMessage
}

// err gives the first fault of the whole body.
func (o object) err() error {
	if o.d == nil || o.d.fault == nil {
		return nil
	}
	return o.d.fault
}

// maxPathName bounds what of a client's own field name comes back in messages.
const maxPathName = 64

func (o object) pathOf(name string) string {
	if len(name) > maxPathName {
		name = strings.ToValidUTF8(name[:maxPathName], "")
	}
	if o.path == "" {
		return name
	}
	return o.path + "." + name
}

// get gives a field that is there, which may be null.
func (o object) get(name string) (value, bool) {
	raw, ok := o.fields[name]
	return value{d: o.d, path: o.pathOf(name), raw: raw}, ok
}

// opt gives a field that is there and not null.
func (o object) opt(name string) (value, bool) {
	v, ok := o.get(name)
	return v, ok && !v.null()
}

// need gives a field that has to be there.
func (o object) need(name string) (value, bool) {
	v, ok := o.get(name)
	if !ok {
		o.d.fail(invalid(v.path, "missing_required_parameter", "The parameter '%s' is required.", v.path))
	}
	return v, ok
}

// only refuses fields other than those named, for objects of deja's own.
func (o object) only(names ...string) {
	for name := range o.fields {
		if !slices.Contains(names, name) {
			path := o.pathOf(name)
			o.d.fail(invalid(path, "unknown_parameter", "The parameter '%s' is not known.", path))
		}
	}
}

// value is a JSON value of a request, with its path for messages.
type value struct {
	d    *decoding
	path string
	raw  json.RawMessage
}

func (v value) null() bool { return string(v.raw) == "null" }

func (v value) fail(why reason, format string, args ...any) {
	v.d.fail(invalid(v.path, why, "'%s' "+format+".", append([]any{v.path}, args...)...))
}

func (v value) wrongType(want string) {
	v.fail("invalid_type", "has to be %s, not %s", want, kindOf(v.raw))
}

// kindOf names a JSON value's type by its first character.
func kindOf(raw []byte) string {
	if len(raw) == 0 {
		return "nothing"
	}
	switch raw[0] {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// text reads a string of at most limit characters (0: no limit of its own).
func (v value) text(limit int) string {
	if len(v.raw) == 0 || v.raw[0] != '"' {
		v.wrongType("a string")
		return ""
	}
	var s string
	if err := json.Unmarshal(v.raw, &s); err != nil {
		v.fail("invalid_value", "is not a valid string")
		return ""
	}
	if strings.ContainsRune(s, 0) {
		v.fail("invalid_value", "must not have a NUL character in it")
		return ""
	}
	if limit > 0 && len(s) > limit {
		if n := utf8.RuneCountInString(s); n > limit {
			v.fail("string_above_max_length", "can have %d characters at most; it has %d", limit, n)
			return ""
		}
	}
	return s
}

// some reads a string that is not empty.
func (v value) some(limit int) string {
	s := v.text(limit)
	if s == "" {
		v.fail("empty_string", "must not be empty")
	}
	return s
}

// choice reads one of a few strings.
func (v value) choice(of ...string) string {
	s := v.text(0)
	if !slices.Contains(of, s) {
		v.fail("invalid_value", "has to be one of '%s', not '%.64s'", strings.Join(of, "', '"), s)
		return ""
	}
	return s
}

func (v value) boolean() bool {
	switch string(v.raw) {
	case "true":
		return true
	case "false":
		return false
	}
	v.wrongType("a boolean")
	return false
}

func (v value) isNumber() bool {
	return len(v.raw) > 0 && (v.raw[0] == '-' || '0' <= v.raw[0] && v.raw[0] <= '9')
}

// number reads a number within bounds.
func (v value) number(low, high float64) float64 {
	if !v.isNumber() {
		v.wrongType("a number")
		return 0
	}
	n, err := strconv.ParseFloat(string(v.raw), 64)
	switch {
	case err != nil, n > high:
		v.fail("decimal_above_max_value", "has to be between %g and %g", low, high)
	case n < low:
		v.fail("decimal_below_min_value", "has to be between %g and %g", low, high)
	default:
		return n
	}
	return 0
}

// optionalNumber reads a number or null.
func (v value) optionalNumber(low, high float64) *float64 {
	if v.null() {
		return nil
	}
	return new(v.number(low, high))
}

// integer reads a whole number within bounds.
func (v value) integer(low, high int64) int64 {
	if !v.isNumber() {
		v.wrongType("an integer")
		return 0
	}
	if bytes.ContainsAny(v.raw, ".eE") {
		v.fail("invalid_type", "has to be an integer, not a decimal number")
		return 0
	}
	n, err := strconv.ParseInt(string(v.raw), 10, 64)
	switch {
	case n < low:
		v.fail("integer_below_min_value", "has to be %d at least", low)
	case err != nil, n > high:
		v.fail("integer_above_max_value", "has to be %d at most", high)
	default:
		return n
	}
	return 0
}

func (v value) object() object {
	o := object{d: v.d, path: v.path}
	if len(v.raw) == 0 || v.raw[0] != '{' {
		v.wrongType("an object")
		return o
	}
	if err := json.Unmarshal(v.raw, &o.fields); err != nil {
		v.fail("invalid_value", "is not a valid object")
	}
	return o
}

// array reads a list of at most limit values (0: no limit of its own).
func (v value) array(limit int) []value {
	if len(v.raw) == 0 || v.raw[0] != '[' {
		v.wrongType("an array")
		return nil
	}
	var raws []json.RawMessage
	if err := json.Unmarshal(v.raw, &raws); err != nil {
		v.fail("invalid_value", "is not a valid array")
		return nil
	}
	if limit > 0 && len(raws) > limit {
		v.fail("array_above_max_length", "can have %d elements at most; it has %d", limit, len(raws))
		return nil
	}
	vs := make([]value, len(raws))
	for i, raw := range raws {
		vs[i] = value{d: v.d, path: v.path + "[" + strconv.Itoa(i) + "]", raw: raw}
	}
	return vs
}

// keep gives the value as it was sent, without white space between tokens.
func (v value) keep() json.RawMessage {
	var b bytes.Buffer
	if err := json.Compact(&b, v.raw); err != nil {
		v.fail("invalid_value", "is not valid JSON")
		return nil
	}
	return b.Bytes()
}
