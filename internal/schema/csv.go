package schema

import (
	"bufio"
	"io"
	"iter"
	"strings"

	"github.com/dejahq/deja"
)

// csvText is a text file with separated values, per RFC 4180 with what is
// common besides: other separators, any line ends, white space around quotes.
type csvText struct {
	file      *textFile
	delimiter byte
	literal   bool // quotes mean nothing
	limits    limits
}

func (t *csvText) records() iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		r := newCSVReader(t.file.reader(), t.delimiter, t.literal, t.limits)
		for {
			rec, err := r.read()
			if err == io.EOF {
				return
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// csvReader reads records. A record's cells are parts of one string.
type csvReader struct {
	in        *bufio.Reader
	delimiter byte
	literal   bool
	limits    limits

	line  int // being read
	cell  int // of the record, from 1
	start int // line on which the record begins
	buf   []byte
	ends  []int // of cells in buf
	cells []cell
}

func newCSVReader(r io.Reader, delimiter byte, literal bool, l limits) *csvReader {
	return &csvReader{in: bufio.NewReaderSize(r, 64<<10), delimiter: delimiter, literal: literal, limits: l, line: 1}
}

// ending says what came after a cell.
type ending uint8

const (
	endOfCell ending = iota
	endOfLine
	endOfFile
)

// read gives the next line that is not empty, or io.EOF.
func (r *csvReader) read() (record, error) {
	for {
		r.buf, r.ends, r.start = r.buf[:0], r.ends[:0], r.line
		for {
			r.cell = len(r.ends) + 1
			end, err := r.readCell()
			if err != nil {
				return record{}, err
			}
			r.ends = append(r.ends, len(r.buf))
			if len(r.ends) > r.limits.columns+1 {
				return record{}, tooLarge("line %d has more than %d columns", r.start, r.limits.columns)
			}
			if end == endOfCell {
				continue
			}
			if len(r.buf) > 0 || len(r.ends) > 1 {
				return r.record(), nil
			}
			if end == endOfFile {
				return record{}, io.EOF
			}
			break // an empty line
		}
	}
}

func (r *csvReader) record() record {
	text, from := string(r.buf), 0
	r.cells = r.cells[:0]
	for _, end := range r.ends {
		r.cells = append(r.cells, cell{text: strings.TrimSpace(text[from:end])})
		from = end
	}
	return record{line: r.start, cells: r.cells}
}

// readCell reads up to and with the separator or line end after a cell.
func (r *csvReader) readCell() (ending, error) {
	from := len(r.buf)
	for {
		c, err := r.next()
		if err == io.EOF {
			return endOfFile, nil
		}
		if err != nil {
			return 0, err
		}
		switch {
		case c == r.delimiter:
			return endOfCell, nil
		case c == '\n':
			return endOfLine, nil
		case c == '"' && !r.literal && onlySpace(r.buf[from:]):
			return r.readQuoted()
		}
		if err := r.keep(c, from); err != nil {
			return 0, err
		}
	}
}

func onlySpace(b []byte) bool {
	for _, c := range b {
		if c != ' ' {
			return false
		}
	}
	return true
}

// readQuoted reads a cell after its opening quote.
func (r *csvReader) readQuoted() (ending, error) {
	from, opened := len(r.buf), r.line
	for {
		c, err := r.nextRaw()
		if err == io.EOF {
			return 0, invalid("the quote that opens on line %d is never closed", opened)
		}
		if err != nil {
			return 0, err
		}
		if c != '"' {
			if err := r.keep(c, from); err != nil {
				return 0, err
			}
			continue
		}
		c, err = r.next()
		doubled := c == '"' && err == nil
		for c == ' ' && err == nil {
			c, err = r.next()
		}
		switch {
		case err == io.EOF:
			return endOfFile, nil
		case err != nil:
			return 0, err
		case c == r.delimiter:
			return endOfCell, nil
		case c == '\n':
			return endOfLine, nil
		case !doubled:
			return 0, invalid("line %d, column %d: there is text after a closing quote; quotes within a value must be doubled", r.line, r.cell)
		}
		if err := r.keep('"', from); err != nil {
			return 0, err
		}
	}
}

// keep adds a byte to the cell that begins at from.
func (r *csvReader) keep(c byte, from int) error {
	if c == 0 {
		return invalid("line %d holds binary data, not text", r.line)
	}
	r.buf = append(r.buf, c)
	if len(r.buf)-from > r.limits.cell {
		return tooLarge("line %d, column %d is longer than %d bytes; is a quote missing?", r.start, r.cell, r.limits.cell)
	}
	if len(r.buf) > maxRow {
		return tooLarge("line %d is longer than %d bytes", r.start, maxRow)
	}
	return nil
}

// next reads a byte, and every kind of line end as a line feed.
func (r *csvReader) next() (byte, error) {
	c, err := r.nextRaw()
	if c != '\r' || err != nil {
		return c, err
	}
	if after, err := r.in.Peek(1); err == nil && after[0] == '\n' {
		return r.nextRaw()
	}
	r.line++
	return '\n', nil
}

// nextRaw reads a byte as it is. It counts the lines that end in a line feed.
func (r *csvReader) nextRaw() (byte, error) {
	c, err := r.in.ReadByte()
	switch {
	case err == io.EOF:
		return 0, err
	case err != nil:
		return 0, unreadable(err)
	case c == '\n':
		r.line++
	}
	return c, nil
}

func invalid(format string, args ...any) error {
	return deja.Errorf(deja.CodeInvalid, format, args...).WithParam("file")
}

func tooLarge(format string, args ...any) error {
	return deja.Errorf(deja.CodeTooLarge, format, args...).WithParam("file")
}
