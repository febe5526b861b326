package schema

import (
	"encoding/xml"
	"strconv"
	"strings"
)

// cellStyle is what a cell's number format makes of its number.
type cellStyle struct {
	show   showAs
	digits int // for showDigits
}

type showAs uint8

const (
	showNumber   showAs = iota
	showDate            // a day
	showTime            // a time of day
	showDateTime        // both
	showElapsed         // hours that go on after 24
	showDigits          // a code filled up with leading zeros
	showText            // made text on purpose
)

// readStyles reads the number formats of the workbook's cell styles.
func (w *workbook) readStyles(name string) error {
	part, err := w.part(name)
	if err != nil {
		return err
	}
	defer part.Close()
	const maxStyles = 1 << 16
	custom := make(map[int]cellStyle)
	inCells := false
	return part.elements(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "numFmt":
			id, err := strconv.Atoi(attribute(e, "numFmtId"))
			if err == nil && len(custom) < maxStyles {
				custom[id] = formatStyle(attribute(e, "formatCode"))
			}
		case "cellXfs", "cellStyleXfs", "dxfs":
			inCells = e.Name.Local == "cellXfs"
		case "xf":
			if !inCells {
				return nil
			}
			if len(w.styles) == maxStyles {
				return tooLarge("the file has more than %d cell styles", maxStyles)
			}
			id, _ := strconv.Atoi(attribute(e, "numFmtId"))
			style, ok := custom[id]
			if !ok {
				style = builtInStyle(id)
			}
			if flag(e, "quotePrefix") {
				style = cellStyle{show: showText}
			}
			w.styles = append(w.styles, style)
		}
		return nil
	})
}

// style gives a style by its number in the workbook.
func (w *workbook) style(number string) cellStyle {
	i, err := strconv.Atoi(number)
	if err != nil || i < 0 || i >= len(w.styles) {
		return cellStyle{}
	}
	return w.styles[i]
}

// builtInStyle knows the formats that have a number but no code in the file
// (ECMA-376 part 1, 18.8.30, the East Asian ones included).
func builtInStyle(id int) cellStyle {
	switch {
	case id >= 14 && id <= 17, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 54, id == 57, id == 58:
		return cellStyle{show: showDate}
	case id >= 18 && id <= 21, id >= 32 && id <= 35, id == 55, id == 56, id == 45, id == 47:
		return cellStyle{show: showTime}
	case id == 22:
		return cellStyle{show: showDateTime}
	case id == 46:
		return cellStyle{show: showElapsed}
	case id == 49:
		return cellStyle{show: showText}
	}
	return cellStyle{}
}

// formatStyle reads a number format's code, such as yyyy\-mm\-dd;@
func formatStyle(code string) cellStyle {
	letters, elapsed := formatLetters(code)
	switch {
	case letters == "@":
		return cellStyle{show: showText}
	case len(letters) > 1 && strings.Trim(letters, "0") == "":
		return cellStyle{show: showDigits, digits: len(letters)}
	case letters == "general":
		return cellStyle{}
	case elapsed:
		return cellStyle{show: showElapsed}
	}
	clock := strings.ContainsAny(letters, "hs")
	day := strings.ContainsAny(letters, "yd") || !clock && strings.Contains(letters, "m")
	switch {
	case day && clock:
		return cellStyle{show: showDateTime}
	case day:
		return cellStyle{show: showDate}
	case clock:
		return cellStyle{show: showTime}
	}
	return cellStyle{}
}

// formatLetters gives what of a format's first section is not a literal text,
// in lower case, and whether it counts elapsed hours, as [h] does.
func formatLetters(code string) (letters string, elapsed bool) {
	var b strings.Builder
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case ';':
			return b.String(), elapsed
		case '\\', '_', '*': // the next character is literal, a space or a filler
			i++
		case '"':
			end := strings.IndexByte(code[i+1:], '"')
			if end < 0 {
				return b.String(), elapsed
			}
			i += end + 1
		case '[':
			end := strings.IndexByte(code[i:], ']')
			if end < 0 {
				return b.String(), elapsed
			}
			inside := strings.ToLower(code[i+1 : i+end])
			if inside != "" && (strings.Trim(inside, "h") == "" || strings.Trim(inside, "m") == "" || strings.Trim(inside, "s") == "") {
				elapsed = true
			}
			i += end
		case 'A', 'a': // AM/PM and A/P stand for a clock; their M is not a month
			rest := strings.ToLower(code[i:])
			for _, half := range []string{"am/pm", "a/p"} {
				if strings.HasPrefix(rest, half) {
					b.WriteByte('h')
					i += len(half) - 1
					rest = ""
				}
			}
			if rest != "" {
				b.WriteByte('a')
			}
		default:
			b.WriteString(strings.ToLower(string(c)))
		}
	}
	return b.String(), elapsed
}
