package schema

import (
	"bytes"
	"io"
	"slices"

	"github.com/dejahq/deja"
)

// delimiters that are tried, those preferred first.
var delimiters = []byte{',', '\t', ';', '|'}

// sampleBytes is how much of a text is looked at to find its separator.
const sampleBytes = 128 << 10

// dialect is how a text separates values.
type dialect struct {
	delimiter byte
	literal   bool
}

// findDialect tries each separator on the beginning of a text and takes the
// one that makes the most even rows.
func findDialect(f *textFile, format string, l limits) (dialect, error) {
	sample, err := io.ReadAll(io.LimitReader(f.reader(), sampleBytes))
	if err != nil {
		return dialect{}, unreadable(err)
	}
	preferred := byte(',')
	if format == formatTSV {
		preferred = '\t'
	}
	best, bestScore := dialect{delimiter: preferred}, 0.0
	for _, delimiter := range delimiters {
		if !bytes.Contains(sample, []byte{delimiter}) {
			continue
		}
		for _, literal := range []bool{false, true} {
			if literal && delimiter != '\t' && delimiter != '|' {
				continue // only these have files in which quotes mean nothing
			}
			score := evenness(sample, delimiter, literal, len(sample) == sampleBytes, l)
			if delimiter == preferred {
				score *= 1.01 // when nothing else decides
			}
			if score > bestScore {
				best, bestScore = dialect{delimiter: delimiter, literal: literal}, score
			}
		}
	}
	return best, nil
}

// evenness says how well a separator fits: the share of rows that have the
// usual number of cells, less if the first row is not one of them, and next to
// nothing if the quotes don't match.
func evenness(sample []byte, delimiter byte, literal, cut bool, l limits) float64 {
	r := newCSVReader(bytes.NewReader(sample), delimiter, literal, l)
	var widths []int
	broken := false
	for len(widths) < 10*sampleRows {
		rec, err := r.read()
		if err != nil {
			// Where the sample was cut, a quote may just not be closed yet.
			broken = err != io.EOF && !(cut && r.line > lastLine(sample)) && deja.ErrorCode(err) == deja.CodeInvalid
			break
		}
		if !rec.blank() {
			widths = append(widths, len(rec.cells))
		}
	}
	if cut && len(widths) > 1 && len(widths) < 10*sampleRows {
		widths = widths[:len(widths)-1] // cut in the middle of a row
	}
	if len(widths) == 0 {
		return 0
	}
	counts := make(map[int]int)
	usual := 0
	for _, w := range widths {
		counts[w]++
		if counts[w] > counts[usual] || counts[w] == counts[usual] && w > usual {
			usual = w
		}
	}
	if usual < 2 {
		return 0
	}
	score := float64(counts[usual]) / float64(len(widths))
	if !slices.Contains(widths[:1], usual) {
		score *= 0.8
	}
	if broken {
		score *= 0.01
	}
	return score
}

// lastLine is the number of the line that a sample ends in.
func lastLine(sample []byte) int { return bytes.Count(sample, []byte{'\n'}) }
