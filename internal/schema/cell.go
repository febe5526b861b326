package schema

import (
	"iter"
	"strings"
)

// record is one row of a file as it stands there. It is valid until the next
// one is read.
type record struct {
	line  int // in the file, or the row number in a sheet; from 1
	cells []cell
}

// rowReader reads the rows of one table, as often as it is asked to. There
// are two: csvText and sheet.
type rowReader interface {
	records() iter.Seq2[record, error]
}

// cell is one value of a record: its text without white space around it, and
// what the file itself says about it.
type cell struct {
	text string
	kind cellKind
}

type cellKind uint8

const (
	textCell    cellKind = iota // all that a text file has
	literalCell                 // a sheet's cell that was made text on purpose
	numberCell                  // a sheet's number, written like a Go literal
	momentCell                  // a sheet's date or time, in the form of its type
	booleanCell                 // a sheet's boolean, as true or false
	nullCell                    // a sheet's error, or a date that is none: there, but without a value
)

func (c cell) empty() bool { return c.text == "" }

// blank reports whether a record holds nothing at all.
func (r record) blank() bool {
	for _, c := range r.cells {
		if c != (cell{}) {
			return false
		}
	}
	return true
}

// nullMarkers are texts that stand for a missing value. In a column whose
// other values are not strings, all of them do. In a column of strings only
// those do that can hardly be meant.
var nullMarkers = []struct {
	text string // compared without regard to case
	sure string // the spelling that is null in a column of strings as well
}{
	{"na", ""},
	{"n/a", "*"},
	{"#n/a", "*"},
	{"<na>", "*"},
	{"nan", "NaN"},
	{"null", "NULL"},
	{"<null>", "*"},
	{`\n`, `\N`},
	{"none", ""},
	{"nil", ""},
	{"-", ""},
	{"--", ""},
	{"---", ""},
	{"\u2013", ""},
	{"\u2014", ""},
	{".", ""},
	{"..", ""},
	{"...", ""},
	{"?", ""},
	{"inf", ""},
	{"+inf", ""},
	{"-inf", ""},
	{"infinity", ""},
	{"-infinity", ""},
	{"#div/0!", "*"},
	{"#value!", "*"},
	{"#ref!", "*"},
	{"#name?", "*"},
	{"#num!", "*"},
	{"#null!", "*"},
}

// markerNA is the position of NA in nullMarkers.
const markerNA = 0

// longestMarker is the length in bytes of the longest null marker.
const longestMarker = 9

// nullMarker gives the position of a text in nullMarkers, or -1.
func nullMarker(text string) int {
	if len(text) > longestMarker {
		return -1
	}
	switch text[0] {
	case 'n', 'N', '#', '<', '\\', '-', '.', '?', 'i', 'I', '+', 0xE2:
	default:
		return -1
	}
	for i := range nullMarkers {
		if strings.EqualFold(nullMarkers[i].text, text) {
			return i
		}
	}
	return -1
}

// surelyNull reports whether a null marker means null among strings.
func surelyNull(marker int, text string) bool {
	switch sure := nullMarkers[marker].sure; sure {
	case "":
		return false
	case "*":
		return true
	case "NULL":
		return text == "NULL" || text == "null" // Null is a family name
	default:
		return text == sure
	}
}
