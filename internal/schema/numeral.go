package schema

import (
	"math"
	"strconv"
	"strings"
)

// notation is a way to write numbers.
type notation uint8

const (
	pointNotation notation = iota // 1,234.5
	commaNotation                 // 1.234,5
)

func (n notation) separators() (decimal, group byte) {
	if n == commaNotation {
		return ',', '.'
	}
	return '.', ','
}

// numeral is a number as it was written.
type numeral struct {
	whole    bool    // no fraction and no exponent, and it fits an int64
	integer  int64   // when whole
	float    float64 // always
	exact    bool    // whole, and float holds it exactly
	grouped  bool    // has thousands separators that could be decimal ones
	short    bool    // grouped, with fewer than three digits before the first separator
	fraction bool    // has a decimal separator
}

const (
	exactFloat  = 1 << 53 // integers up to here are exact as float64
	exactDigits = 15      // significant digits that a float64 always keeps
	phoneDigits = 8       // a plus sign before so many digits begins a phone number
)

// parseNumeral reads a text in a notation. It refuses what would lose
// something as a number: leading zeros, or digits that a float64 can't keep.
func parseNumeral(text string, in notation) (numeral, bool) {
	decimal, group := in.separators()
	rest, negative, plus := cutSign(text)
	if rest == "" || !(isDigit(rest[0]) || rest[0] == decimal) {
		return numeral{}, false
	}
	mantissa, exponent, hasExponent := cutExponent(rest)
	digits, fraction, hasFraction := strings.Cut(mantissa, string(decimal))
	if !allDigits(fraction) || digits == "" && fraction == "" {
		return numeral{}, false
	}
	n := numeral{fraction: hasFraction}
	digits, n.grouped, n.short = ungroup(digits, group)
	switch {
	case !allDigits(digits),
		n.grouped && hasExponent,
		len(digits) > 1 && digits[0] == '0',
		plus && !hasFraction && len(digits) >= phoneDigits:
		return numeral{}, false
	}
	if negative {
		digits = "-" + digits
	}
	if !hasFraction && !hasExponent {
		return wholeNumeral(n, digits)
	}
	if significant(digits) > exactDigits {
		return numeral{}, false
	}
	var err error
	n.float, err = strconv.ParseFloat(digits+"."+fraction+exponent, 64)
	return n, err == nil
}

func wholeNumeral(n numeral, digits string) (numeral, bool) {
	var err error
	if n.integer, err = strconv.ParseInt(digits, 10, 64); err == nil {
		n.whole = true
		n.float = float64(n.integer)
		n.exact = -exactFloat <= n.integer && n.integer <= exactFloat
		return n, true
	}
	if significant(digits) > exactDigits {
		return numeral{}, false
	}
	n.float, err = strconv.ParseFloat(digits, 64)
	return n, err == nil && !math.IsInf(n.float, 0)
}

// cutSign cuts off a sign; the real minus sign is one.
func cutSign(text string) (rest string, negative, plus bool) {
	for _, minus := range [...]string{"-", "\u2212"} {
		if rest, ok := strings.CutPrefix(text, minus); ok {
			return rest, true, false
		}
	}
	rest, plus = strings.CutPrefix(text, "+")
	return rest, false, plus
}

// cutExponent cuts off e and a few digits.
func cutExponent(text string) (mantissa, exponent string, ok bool) {
	i := strings.IndexAny(text, "eE")
	if i < 0 {
		return text, "", false
	}
	digits := strings.TrimLeft(text[i+1:], "+-")
	if len(text)-len(digits)-i > 2 || digits == "" || len(digits) > 3 || !allDigits(digits) {
		return text, "", false // the e stays, and makes the text no number
	}
	return text[:i], text[i:], true
}

// ungroup takes thousands separators out of digits. Digits that are not
// grouped as they should be come back as they are, separators and all.
// Separators that mean nothing else, as in 1'234, are not reported.
func ungroup(digits string, group byte) (plain string, grouped, short bool) {
	separator := string(group)
	switch {
	case strings.IndexByte(digits, group) >= 0:
	case strings.Contains(digits, "'"):
		separator = "'"
	case strings.Contains(digits, "\u2019"):
		separator = "\u2019"
	case strings.Contains(digits, "\u00a0"):
		separator = "\u00a0"
	case strings.Contains(digits, "\u202f"):
		separator = "\u202f"
	default:
		return digits, false, false
	}
	parts := strings.Split(digits, separator)
	for i, part := range parts {
		if !allDigits(part) || len(part) > 3 || len(part) < 3 && i > 0 || part == "" || i == 0 && part[0] == '0' {
			return digits, false, false
		}
	}
	return strings.Join(parts, ""), separator == string(group), len(parts[0]) < 3
}

// significant counts the digits of a whole number without zeros at its end.
func significant(digits string) int {
	return len(strings.TrimRight(strings.TrimPrefix(digits, "-"), "0"))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}
