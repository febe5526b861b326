package localmodel

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/dejahq/deja"
)

// say writes a value for people.
func (c *column) say(v any) string {
	switch v := v.(type) {
	case nil:
		return "not recorded"
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case string:
		if c.kind == deja.TypeTime {
			return strings.TrimSuffix(v, ":00") // 17:00:00
		}
		if c.kind == deja.TypeDateTime {
			return strings.Replace(v, "T", " ", 1)
		}
		return v
	case json.Number:
		return c.sayNumber(v.String())
	}
	return fmt.Sprint(v)
}

// sayNumber writes prices with their cents.
func (c *column) sayNumber(text string) string {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	if c.kind == deja.TypeNumber && c.isMoney() && math.Abs(f) < 1e12 && math.Abs(f*100-math.Round(f*100)) < 1e-6 {
		return strconv.FormatFloat(f, 'f', 2, 64)
	}
	if strings.ContainsAny(text, "eE") && math.Abs(f) < 1e15 && math.Abs(f) > 1e-6 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return text
}

// sayFigure writes an average with two decimals, and a sum without what binary
// fractions add to it.
func (c *column) sayFigure(v any, function string) string {
	f, err := strconv.ParseFloat(fmt.Sprint(v), 64)
	if err != nil {
		return c.say(v)
	}
	if function == "avg" {
		text := strconv.FormatFloat(f, 'f', 2, 64)
		if rounded, _ := strconv.ParseFloat(text, 64); rounded != f {
			return "about " + text
		}
		if !c.isMoney() {
			text = strings.TrimSuffix(text, ".00")
		}
		return text
	}
	return c.sayNumber(strconv.FormatFloat(math.Round(f*1e6)/1e6, 'f', -1, 64))
}
