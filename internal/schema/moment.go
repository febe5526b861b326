package schema

import (
	"strconv"
	"strings"
	"time"

	"github.com/dejahq/deja"
)

// momentForm is a way to write dates and times: a column has it when each of
// its values fits one of the layouts.
type momentForm struct {
	typ     deja.ColumnType
	order   dayOrder
	zone    bool // values name their offset from UTC
	layouts []string
}

// dayOrder says which of two numbers is the day, where both could be.
type dayOrder uint8

const (
	evident dayOrder = iota
	dayFirst
	monthFirst
)

// momentForms are all that are known, those preferred first.
var momentForms = allMomentForms()

func allMomentForms() []momentForm {
	var dates, others []momentForm
	for _, d := range []struct {
		layout string
		order  dayOrder
	}{
		{"2006-1-2", evident},
		{"2006/1/2", evident},
		{"2006.1.2", evident},
		{"2.1.2006", evident}, // nobody writes months first with points
		{"2/1/2006", dayFirst},
		{"1/2/2006", monthFirst},
		{"2-1-2006", dayFirst},
		{"1-2-2006", monthFirst},
		{"2 Jan 2006", evident},
		{"2-Jan-2006", evident},
		{"2 January 2006", evident},
		{"Jan 2 2006", evident},
		{"Jan 2, 2006", evident},
		{"January 2 2006", evident},
		{"January 2, 2006", evident},
		{"Mon, 2 Jan 2006", evident},
		{"Monday, January 2, 2006", evident},
		{"Monday, 2 January 2006", evident},
	} {
		clocks := withClocks(d.layout)
		dates = append(dates, momentForm{typ: deja.TypeDate, order: d.order, layouts: []string{d.layout}})
		others = append(others,
			momentForm{typ: deja.TypeDateTime, order: d.order, layouts: clocks},
			momentForm{typ: deja.TypeDateTime, order: d.order, zone: true, layouts: withZones(clocks)},
			momentForm{typ: deja.TypeDateTime, order: d.order, layouts: append(clocks, d.layout)}, // some are midnight
		)
	}
	clock := momentForm{typ: deja.TypeTime, layouts: []string{"15:04", "15:04:05", "3:04 PM", "3:04:05 PM", "3:04PM", "3:04:05PM"}}
	return append(append(dates, clock), others...)
}

func withClocks(date string) []string {
	var layouts []string
	for _, clock := range []string{"T15:04:05", " 15:04:05", "T15:04", " 15:04", " 3:04 PM", " 3:04:05 PM", " 3:04PM", " 3:04:05PM", ", 15:04", ", 15:04:05", ", 3:04 PM", ", 3:04:05 PM"} {
		layouts = append(layouts, date+clock)
	}
	return layouts[:len(layouts):len(layouts)]
}

func withZones(layouts []string) []string {
	var zoned []string
	for _, layout := range layouts {
		for _, zone := range []string{"Z07:00", " Z07:00", "Z0700", " Z0700", "Z07", " UTC", " GMT"} {
			zoned = append(zoned, layout+zone)
		}
	}
	return zoned
}

const (
	shortestMoment = 4  // 9:30
	longestMoment  = 48 // Wednesday, September 30, 2026 12:00:00.000000000 PM +01:00
)

// mayBeMoment looks at a text before all layouts are tried on it.
func mayBeMoment(text string) bool {
	return len(text) >= shortestMoment && len(text) <= longestMoment &&
		strings.ContainsAny(text, "0123456789") && strings.ContainsAny(text, "-/.: ")
}

// parse reads a text in the form. It tries the layout at hint first, where
// the value before it was found, and gives the one that it found.
func (f *momentForm) parse(text string, hint int) (t time.Time, layout int, ok bool) {
	if last := text[len(text)-1]; last == 'm' { // 3:04 pm
		text = strings.ToUpper(text)
	}
	for i := range f.layouts {
		at := (hint + i) % len(f.layouts)
		t, err := time.Parse(f.layouts[at], text)
		if err != nil {
			continue
		}
		if f.zone {
			t = t.UTC()
		}
		if t.Year() < 0 || t.Year() > 9999 {
			return time.Time{}, 0, false
		}
		return t, at, true
	}
	return time.Time{}, 0, false
}

// format writes a moment in the form of the column's type, with as many
// digits of a second as the whole column has: forms of different length would
// not order as text the way they order in time.
func (f *momentForm) format(t time.Time, digits int) string {
	var layout string
	switch f.typ {
	case deja.TypeDate:
		return t.Format("2006-01-02")
	case deja.TypeTime:
		layout = "15:04:05"
	default:
		layout = "2006-01-02T15:04:05"
	}
	form := t.Format(layout)
	if digits > 0 {
		form += "." + nanoseconds(t)[:digits]
	}
	if f.zone {
		form += "Z"
	}
	return form
}

// fractionDigits counts the digits of a second that a moment needs.
func fractionDigits(t time.Time) int {
	if t.Nanosecond() == 0 {
		return 0
	}
	return len(strings.TrimRight(nanoseconds(t), "0"))
}

// nanoseconds writes the fraction of a second with all of its nine digits.
func nanoseconds(t time.Time) string {
	return strconv.Itoa(1_000_000_000 + t.Nanosecond())[1:]
}
