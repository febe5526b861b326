package localmodel

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// literal is a number, a date or a time of day in a question.
type literal struct {
	text   string // as a number of JSON, where it is a number
	number bool
	year   bool   // it can be a year
	first  string // the days that it spans, for dates and years
	last   string
	clock  string // 17:00:00
	words  int    // how many words it takes
}

var (
	plainNumber   = regexp.MustCompile(`^-?\d{1,15}(\.\d{1,9})?$`)
	groupedNumber = regexp.MustCompile(`^-?\d{1,3}(,\d{3})+(\.\d+)?$`)
	clockTime     = regexp.MustCompile(`^([01]?\d|2[0-3]):([0-5]\d)(:[0-5]\d)?$`)
)

var numerals = map[string]string{
	"zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
	"eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "fifteen": "15", "twenty": "20",
	"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90", "hundred": "100", "thousand": "1000", "million": "1000000",
}

var multipliers = map[string]float64{"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9}

const day = "2006-01-02"

// readLiteral reads what begins with the first of the words. Zero words: it
// is nothing of the kind.
func readLiteral(ws []word) literal {
	if len(ws) == 0 {
		return literal{}
	}
	if l := readDate(ws); l.words > 0 {
		return l
	}
	first := ws[0].fold
	if m := clockTime.FindStringSubmatch(first); m != nil {
		hour, _ := strconv.Atoi(m[1])
		seconds := m[3]
		if seconds == "" {
			seconds = ":00"
		}
		return literal{clock: fmt.Sprintf("%02d:%s%s", hour, m[2], seconds), words: 1}
	}
	text := first
	if n, ok := strings.CutSuffix(first, "k"); ok && plainNumber.MatchString(n) {
		if f, err := strconv.ParseFloat(n, 64); err == nil {
			return literal{text: strconv.FormatFloat(f*1000, 'f', -1, 64), number: true, words: 1}
		}
	}
	if n, ok := numerals[first]; ok {
		text = n
	} else if groupedNumber.MatchString(first) {
		text = strings.ReplaceAll(first, ",", "")
	}
	if !plainNumber.MatchString(text) {
		return literal{}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return literal{}
	}
	l := literal{text: strconv.FormatFloat(f, 'f', -1, 64), number: true, words: 1}
	if len(ws) > 1 && multipliers[ws[1].fold] != 0 && numerals[first] != "1000000" {
		l.text, l.words = strconv.FormatFloat(f*multipliers[ws[1].fold], 'f', -1, 64), 2
		return l
	}
	if len(text) == 4 && (text[0] == '1' || text[0] == '2') {
		l.year, l.first, l.last = true, text+"-01-01", text+"-12-31"
	}
	return l
}

// readDate reads 2026-03-01, March 2026, 1 March 2026, March 1 2026. Other
// orders of numbers can mean two things.
func readDate(ws []word) literal {
	if t, err := time.Parse("2006-1-2", ws[0].fold); err == nil {
		return span(t, t, 1)
	}
	if len(ws) >= 3 {
		text := ordinal(ws[0].fold) + " " + ordinal(ws[1].fold) + " " + ws[2].fold
		for _, layout := range []string{"2 January 2006", "2 Jan 2006", "January 2 2006", "Jan 2 2006"} {
			if t, err := time.Parse(layout, text); err == nil {
				return span(t, t, 3)
			}
		}
	}
	if len(ws) >= 2 {
		for _, layout := range []string{"January 2006", "Jan 2006"} {
			if t, err := time.Parse(layout, ws[0].fold+" "+ws[1].fold); err == nil {
				return span(t, t.AddDate(0, 1, -1), 2)
			}
		}
	}
	return literal{}
}

// ordinal turns 1st into 1.
func ordinal(s string) string {
	for _, suffix := range []string{"st", "nd", "rd", "th"} {
		if n, ok := strings.CutSuffix(s, suffix); ok && plainNumber.MatchString(n) {
			return n
		}
	}
	return s
}

func span(first, last time.Time, words int) literal {
	return literal{first: first.Format(day), last: last.Format(day), words: words}
}
