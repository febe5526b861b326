package sqlite

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// millis gives a time as it is stored. The zero time is a number like others
// and comes back as the zero time.
func millis(t time.Time) int64 { return t.UnixMilli() }

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// kept gives a time as it comes back.
func kept(t time.Time) time.Time { return fromMillis(millis(t)) }

// timeColumn reads and writes a time.
type timeColumn struct{ at *time.Time }

func (c timeColumn) Scan(src any) error {
	ms, is := src.(int64)
	if !is {
		return fmt.Errorf("a %T in place of a time", src)
	}
	*c.at = fromMillis(ms)
	return nil
}

func (c timeColumn) Value() (driver.Value, error) { return millis(*c.at), nil }

// jsonColumn reads and writes what v points to as JSON. What marshals to null
// is stored as null and leaves v alone when it is read.
type jsonColumn struct{ v any }

func (c jsonColumn) Scan(src any) error {
	switch text := src.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(text), c.v)
	}
	return fmt.Errorf("a %T in place of JSON", src)
}

func (c jsonColumn) Value() (driver.Value, error) {
	text, err := marshal(c.v)
	if err != nil || text == "null" {
		return nil, err
	}
	return text, nil
}

// marshal gives JSON without escapes for HTML, which would change what callers
// sent.
func marshal(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// rawColumn reads and writes JSON that is not looked into.
type rawColumn struct{ text *json.RawMessage }

func (c rawColumn) Scan(src any) error {
	switch text := src.(type) {
	case nil:
		*c.text = nil
	case string:
		*c.text = json.RawMessage(text)
	default:
		return fmt.Errorf("a %T in place of JSON", src)
	}
	return nil
}

func (c rawColumn) Value() (driver.Value, error) {
	if len(*c.text) == 0 {
		return nil, nil
	}
	return string(*c.text), nil
}
