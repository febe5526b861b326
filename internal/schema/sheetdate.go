package schema

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// dateEpoch is the day that a workbook counts days from.
type dateEpoch uint8

const (
	epoch1900 dateEpoch = iota
	epoch1904
)

// maxSerial is the number of 10000-01-01 counted from 1900.
const maxSerial = 2958466

// moment gives the moment that a number of days stands for. Counting from
// 1900 there is a 29th of February 1900 that never was, so earlier days are
// one off.
func (e dateEpoch) moment(days float64) (time.Time, bool) {
	if math.IsNaN(days) || days < 0 || days >= maxSerial {
		return time.Time{}, false
	}
	start := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case e == epoch1904:
		start = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case days < 61:
		start = start.AddDate(0, 0, 1)
	}
	whole := math.Floor(days)
	// A float64 of days is good to about a millisecond.
	milliseconds := math.Round((days - whole) * 24 * 60 * 60 * 1000)
	t := start.AddDate(0, 0, int(whole)).Add(time.Duration(milliseconds) * time.Millisecond)
	return t, t.Year() <= 9999
}

// number makes a cell of a number in its style. A number that its style
// cannot show is a null.
func (w *workbook) number(text string, style cellStyle) cell {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return cell{kind: nullCell}
	}
	switch style.show {
	case showNumber, showText:
		return cell{text: formatFloat(f), kind: numberCell}
	case showDigits:
		if f != math.Trunc(f) || f < 0 {
			return cell{text: formatFloat(f), kind: numberCell}
		}
		return cell{text: fmt.Sprintf("%0*s", style.digits, formatFloat(f)), kind: textCell}
	case showElapsed:
		return cell{text: formatElapsed(f), kind: literalCell}
	}
	t, ok := w.epoch.moment(f)
	if !ok {
		return cell{kind: nullCell}
	}
	switch {
	case style.show == showTime && f < 1:
		return cell{text: clock(t), kind: momentCell}
	case style.show == showDate && f == math.Trunc(f):
		return cell{text: t.Format("2006-01-02"), kind: momentCell}
	}
	return cell{text: t.Format("2006-01-02T") + clock(t), kind: momentCell}
}

// clock writes a time of day, with a fraction of a second only if it has one.
func clock(t time.Time) string {
	if t.Nanosecond() == 0 {
		return t.Format("15:04:05")
	}
	return t.Format("15:04:05.000")
}

// formatFloat writes a number in the shortest way that keeps all of it, and
// whole numbers without a point.
func formatFloat(f float64) string {
	if a := math.Abs(f); a != 0 && (a >= 1e21 || a < 1e-6) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// formatElapsed writes days as hours, minutes and seconds.
func formatElapsed(days float64) string {
	sign := ""
	if days < 0 {
		sign, days = "-", -days
	}
	seconds := int64(math.Round(math.Min(days, maxSerial) * 24 * 60 * 60))
	return fmt.Sprintf("%s%d:%02d:%02d", sign, seconds/3600, seconds/60%60, seconds%60)
}
