package deja

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a query's JSON text, before anything in it is understood.
const (
	maxQueryBytes = 64 << 10
	maxJSONDepth  = 32
)

// object is a JSON object with its members in the order of the text, repeated
// names included: {"age":{"$gt":1},"age":{"$lt":9}} means both conditions.
type object []member

type member struct {
	name  string
	value any // nil, bool, string, json.Number, []any or object
}

// parseObject reads a JSON text that must be one object.
func parseObject(text []byte) (object, *Error) {
	if len(text) > maxQueryBytes {
		return nil, Errorf(CodeInvalid, "the arguments are longer than %d bytes", maxQueryBytes)
	}
	if !json.Valid(text) {
		var ignored any
		err := json.Unmarshal(text, &ignored) // for what it has to say
		return nil, Errorf(CodeInvalid, "the arguments are not valid JSON: %v", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := parseValue(d, 0)
	if err != nil {
		return nil, err
	}
	o, ok := v.(object)
	if !ok {
		return nil, Errorf(CodeInvalid, "the arguments must be a JSON object, not %s", kindOf(v))
	}
	return o, nil
}

// parseValue reads the next value of a text that is known to be valid.
func parseValue(d *json.Decoder, depth int) (any, *Error) {
	if depth > maxJSONDepth {
		return nil, Errorf(CodeInvalid, "the arguments are nested more than %d levels deep", maxJSONDepth)
	}
	token, err := d.Token()
	if err != nil {
		return nil, Wrap(CodeInvalid, err, "the arguments are not valid JSON")
	}
	switch token {
	case json.Delim('['):
		values := []any{}
		for d.More() {
			v, err := parseValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			values = append(values, v)
		}
		_, err = d.Token()
		return values, asInvalid(err)
	case json.Delim('{'):
		o := object{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, asInvalid(err)
			}
			v, invalid := parseValue(d, depth+1)
			if invalid != nil {
				return nil, invalid
			}
			o = append(o, member{name: fmt.Sprint(name), value: v})
		}
		_, err = d.Token()
		return o, asInvalid(err)
	}
	return token, nil
}

func asInvalid(err error) *Error {
	if err == nil {
		return nil
	}
	return Wrap(CodeInvalid, err, "the arguments are not valid JSON")
}

// kindOf names the kind of a JSON value, for messages.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "the text " + fmt.Sprintf("%q", brief(v))
	case json.Number:
		return "the number " + brief(v.String())
	case []any:
		return "a list"
	case object:
		return "an object"
	}
	return "something else"
}

// brief cuts a text of a client to a length that fits into a message.
func brief(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "..."
}

// quoted joins names that came from a file, see list.
func quoted(names []string) string {
	marked := make([]string, len(names))
	for i, name := range names {
		marked[i] = strconv.Quote(name)
	}
	return list(marked)
}

// list joins words for a message, and says how many it leaves out when there
// are too many.
func list(names []string) string {
	const most = 2000
	var b strings.Builder
	for i, name := range names {
		if b.Len() > most {
			fmt.Fprintf(&b, " and %d more", len(names)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name)
	}
	return b.String()
}
