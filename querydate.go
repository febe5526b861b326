package deja

import (
	"strings"
	"time"
)

// Layouts that a model may write. Numeric days and months are only taken in
// the order year, month, day: 3/4/2024 means two things.
var (
	dayLayouts = []string{
		"2006-1-2", "2006/1/2", "2 Jan 2006", "2 January 2006",
		"Jan 2, 2006", "January 2, 2006", "Jan 2 2006", "January 2 2006",
	}
	clockLayouts = []string{"15:04", "15:04:05", "3:04 PM", "3:04:05 PM", "3:04PM", "3:04:05PM"}
	zoneLayouts  = []string{"Z07:00", " Z07:00", "Z0700", " Z0700", "Z07"}
)

const (
	dayForm    = "2006-01-02"
	secondForm = "15:04:05"
)

// parseDay reads a text that names a day and nothing more.
func parseDay(text string) (time.Time, bool) {
	return parseAny(strings.TrimSpace(text), dayLayouts)
}

func parseAny(text string, layouts []string) (time.Time, bool) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t, t.Year() >= 0
		}
	}
	return time.Time{}, false
}

// parseMoment reads a text that names a day and a time of day, and says
// whether it names an offset from UTC as well.
func parseMoment(text string) (t time.Time, offset, ok bool) {
	text = strings.TrimSpace(text)
	cut := strings.IndexAny(text, "Tt ")
	if cut < 0 {
		return time.Time{}, false, false
	}
	day, clock := text[:cut], strings.ToUpper(strings.TrimSpace(text[cut+1:]))
	for _, dayLayout := range dayLayouts[:2] {
		for _, clockLayout := range clockLayouts {
			layout := dayLayout + "T" + clockLayout
			if t, err := time.Parse(layout, day+"T"+clock); err == nil {
				return t, false, true
			}
			for _, zone := range zoneLayouts {
				t, err := time.Parse(layout+zone, day+"T"+clock)
				if err == nil && t.UTC().Year() >= 0 && t.UTC().Year() <= 9999 {
					return t.UTC(), true, true
				}
			}
		}
	}
	return time.Time{}, false, false
}

func (col *Column) parseDate(v any) (any, *Error) {
	if text, ok := v.(string); ok {
		if t, ok := parseDay(text); ok {
			return t.Format(dayForm), nil
		}
		if t, _, ok := parseMoment(text); ok && t.Equal(t.Truncate(24*time.Hour)) {
			return t.Format(dayForm), nil
		}
	}
	return nil, col.refuse(v, `a date such as "2024-12-31"`)
}

func (col *Column) parseTime(v any) (any, *Error) {
	if text, ok := v.(string); ok {
		if t, ok := parseAny(strings.ToUpper(strings.TrimSpace(text)), clockLayouts); ok {
			fraction, err := col.fraction(t.Nanosecond(), v)
			return t.Format(secondForm) + fraction, err
		}
	}
	return nil, col.refuse(v, `a time such as "15:04:05"`)
}

func (col *Column) parseDateTime(v any) (any, *Error) {
	text, ok := v.(string)
	if !ok {
		return nil, col.refuse(v, `a date and time such as "2024-12-31T15:04:05"`)
	}
	t, offset, ok := parseMoment(text)
	if !ok {
		return nil, col.refuse(v, `a date and time such as "2024-12-31T15:04:05"`)
	}
	return col.formatMoment(t, offset, v)
}

// formatMoment writes a moment the way the column does. Models like to add a Z
// where the data says nothing about zones; another offset would be a claim
// that the data cannot answer.
func (col *Column) formatMoment(t time.Time, offset bool, v any) (any, *Error) {
	fraction, err := col.fraction(t.Nanosecond(), v)
	if err != nil {
		return nil, err
	}
	if offset && !col.inUTC() && !strings.HasSuffix(strings.ToUpper(strings.TrimSpace(v.(string))), "Z") {
		return nil, col.refuse(v, "values without an offset from UTC")
	}
	form := t.Format(dayForm+"T"+secondForm) + fraction
	if col.inUTC() {
		form += "Z"
	}
	return form, nil
}

// inUTC reports whether the values of a datetime column are in UTC, with a Z.
func (col *Column) inUTC() bool {
	least, _ := col.Min.(string)
	return strings.HasSuffix(least, "Z")
}

// compareDay compares a datetime column with a whole day.
func (p *filterParser) compareDay(c Condition, col *Column, day time.Time) (Condition, *Error) {
	next := day.AddDate(0, 0, 1)
	if next.Year() > 9999 {
		return c, Errorf(CodeInvalid, "the day to compare %q with is too late", col.Name)
	}
	bound := func(op Op, t time.Time) (Condition, *Error) {
		v, err := col.formatMoment(t, false, "")
		return Condition{Op: op, Column: c.Column, Value: v}, err
	}
	within := func(int) (Condition, *Error) {
		return p.combination(OpAnd, 2, func(i int) (Condition, *Error) {
			if i == 0 {
				return bound(OpGte, day)
			}
			return bound(OpLt, next)
		})
	}
	switch c.Op {
	case OpGte, OpLt:
		return bound(c.Op, day)
	case OpGt:
		return bound(OpGte, next)
	case OpLte:
		return bound(OpLt, next)
	case OpNe:
		return p.combination(OpNot, 1, within)
	}
	return within(0)
}
