package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/dejahq/deja"
)

// maxDescription bounds a description in bytes: a few thousand tokens.
const maxDescription = 24 << 10

// detail is how much a description says of a column.
type detail uint8

const (
	allDetail  detail = iota // type, nulls, range or values
	rangesOnly               // no examples
	typesOnly
)

// Describe writes a schema for a model's instructions: a line per table and
// one per column, with types, numbers of rows and nulls, ranges and examples.
// Equal schemas give equal texts, byte for byte, for the text is part of what
// the keys of cached answers are made from. The text has a bounded length;
// where a schema is too large for it, examples go first, then ranges, then
// columns and tables at the end, and the text says so. It is empty when there
// are no tables.
//
//	Tables that query_data can read:
//
//	orders (240 rows)
//	- "Order ID": integer, 1001 to 1240, 240 distinct
//	- "Status": string, 3 distinct: "open", "paid", "sent"
//	- "Paid on": date, 2026-01-02 to 2026-03-31, 12 null
func Describe(s deja.Schema) string {
	if len(s.Tables) == 0 {
		return ""
	}
	for _, d := range []struct {
		detail detail
		note   string
	}{
		{allDetail, ""},
		{rangesOnly, "There are too many columns to give examples of their values.\n"},
		{typesOnly, "There are too many columns to say more than their types; look at a few rows first.\n"},
	} {
		if text, complete := describe(s.Tables, d.detail, d.note, maxDescription); complete || d.detail == typesOnly {
			return text
		}
	}
	panic("unreachable: the last detail returns")
}

// describe writes as many tables and columns as fit.
func describe(tables []deja.Table, d detail, note string, most int) (text string, complete bool) {
	const room = 200 // for what is said of the rest
	var b strings.Builder
	b.WriteString("Tables that " + QueryToolName + " can read:\n" + note)
	for i := range tables {
		t := &tables[i]
		heading := fmt.Sprintf("\n%s (%s)\n", t.Name, count(t.RowCount, "row"))
		if b.Len()+len(heading)+room > most {
			fmt.Fprintf(&b, "\nThere are %s more that are not listed here.\n", count(int64(len(tables)-i), "table"))
			return b.String(), false
		}
		b.WriteString(heading)
		for k := range t.Columns {
			line := "- " + describeColumn(&t.Columns[k], d) + "\n"
			if b.Len()+len(line)+room > most {
				fmt.Fprintf(&b, "- and %s more that are not listed here\n", count(int64(len(t.Columns)-k), "column"))
				if i+1 < len(tables) {
					fmt.Fprintf(&b, "\nThere are %s more that are not listed here.\n", count(int64(len(tables)-i-1), "table"))
				}
				return b.String(), false
			}
			b.WriteString(line)
		}
	}
	return b.String(), true
}

func count(n int64, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return strconv.FormatInt(n, 10) + " " + of + "s"
}

func describeColumn(c *deja.Column, d detail) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", quote(c.Name), c.Type)
	if d == typesOnly {
		return b.String()
	}
	if c.Min != nil && c.Max != nil {
		fmt.Fprintf(&b, ", %s to %s", plain(c.Min), plain(c.Max))
	}
	if c.Nulls > 0 {
		fmt.Fprintf(&b, ", %d null", c.Nulls)
	}
	if c.Distinct > 0 {
		fmt.Fprintf(&b, ", %d distinct", c.Distinct)
	}
	// A range says more of numbers and dates than examples do.
	if d != allDetail || len(c.Examples) == 0 || c.Min != nil {
		return b.String()
	}
	if len(c.Examples) == c.Distinct {
		b.WriteString(": ")
	} else {
		b.WriteString(", such as ")
	}
	for i, v := range c.Examples {
		if i > 0 {
			b.WriteString(", ")
		}
		if text, ok := v.(string); ok {
			b.WriteString(quote(text))
		} else {
			b.WriteString(plain(v))
		}
	}
	return b.String()
}

// quote writes a text as JSON does, so that nothing in it looks like a line of
// the description.
func quote(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return strconv.Quote(text)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// plain writes a value that needs no quotes.
func plain(v any) string {
	if f, ok := v.(float64); ok {
		return formatFloat(f)
	}
	return fmt.Sprint(v)
}
