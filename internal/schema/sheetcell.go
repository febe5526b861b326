package schema

import (
	"strconv"
	"strings"
	"unicode/utf16"
)

// makeCell understands a cell's value by its type and style.
func (r *sheetReader) makeCell(typ string, style cellStyle, value string) (cell, error) {
	kind := textCell
	if style.show == showText {
		kind = literalCell
	}
	switch typ {
	case "e":
		return cell{kind: nullCell}, nil
	case "s":
		if value == "" {
			return cell{}, nil
		}
		i, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil || i < 0 || i >= len(r.sheet.book.strings) {
			return cell{}, invalid("the file is damaged: %s %d refers to a text that is not there", r.sheet.place(), r.row)
		}
		return cell{text: r.sheet.book.strings[i], kind: kind}, nil
	case "inlineStr", "str":
		return cell{text: cleanText(value), kind: kind}, nil
	case "b":
		if value == "" {
			return cell{}, nil
		}
		return cell{text: strconv.FormatBool(value == "1" || value == "true"), kind: booleanCell}, nil
	case "d":
		return isoCell(strings.TrimSpace(value)), nil
	}
	if value = strings.TrimSpace(value); value == "" {
		return cell{}, nil
	}
	return r.sheet.book.number(value, style), nil
}

// isoCell makes a cell of an ISO 8601 date or time.
func isoCell(value string) cell {
	if mayBeMoment(value) {
		for i := range momentForms {
			if _, _, ok := momentForms[i].parse(value, 0); ok {
				return cell{text: value, kind: momentCell}
			}
		}
	}
	return cell{text: value, kind: textCell}
}

// parseRef reads a cell's place, such as AB12, as a column from 0 and a row
// from 1.
func parseRef(ref string) (column, row int, err error) {
	const maxColumn = 1 << 14 // XFD
	i := 0
	for ; i < len(ref) && 'A' <= ref[i]&^0x20 && ref[i]&^0x20 <= 'Z' && column < maxColumn; i++ {
		column = column*26 + int(ref[i]&^0x20-'A') + 1
	}
	row, err = strconv.Atoi(ref[i:])
	if err != nil || i == 0 || row < 1 || column > maxColumn {
		return 0, 0, invalid("the file is damaged: %.20q is not the place of a cell", ref)
	}
	return column - 1, row, nil
}

// cleanText undoes what the format does to characters that XML cannot have,
// such as _x000D_, and takes white space off the ends.
func cleanText(text string) string {
	const escaped = len("_x000D_")
	var b strings.Builder
	for {
		i := strings.Index(text, "_x")
		if i < 0 || len(text) < i+escaped {
			break
		}
		n, err := strconv.ParseUint(text[i+2:i+escaped-1], 16, 16)
		if err != nil || text[i+escaped-1] != '_' || n == 0 || utf16.IsSurrogate(rune(n)) {
			b.WriteString(text[:i+1])
			text = text[i+1:]
			continue
		}
		b.WriteString(text[:i])
		b.WriteRune(rune(n))
		text = text[i+escaped:]
	}
	return strings.TrimSpace(b.String() + text)
}
