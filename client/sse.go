package client

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// errEventTooLarge protects the reader's memory.
var errEventTooLarge = errors.New("client: an event of the stream is too large")

const maxEvent = 16 << 20

// sseEvent is one event of a text/event-stream.
type sseEvent struct {
	name string // "" when the stream doesn't say
	data []byte // lines joined by line feeds; valid until the next call
}

// sseReader reads a text/event-stream as the HTML standard says (section
// 9.2.6): lines end in CR, LF or CRLF, colons begin comments, data lines add
// up, an event ends with an empty line, and one that the end of the stream
// cuts is dropped. Ids and retry times are of no use here and ignored.
type sseReader struct {
	r       *bufio.Reader
	line    []byte
	data    []byte
	afterCR bool // the last line ended in CR: an LF that follows belongs to it
	begun   bool
	max     int
}

func newSSEReader(r io.Reader) *sseReader {
	return &sseReader{r: bufio.NewReaderSize(r, 16<<10), max: maxEvent}
}

// next gives the next event that has data; io.EOF at the end of the stream.
func (s *sseReader) next() (sseEvent, error) {
	var ev sseEvent
	s.data = s.data[:0]
	hasData := false
	for {
		line, err := s.readLine()
		if err != nil {
			return sseEvent{}, err
		}
		if len(line) == 0 {
			if hasData {
				ev.data = s.data
				return ev, nil
			}
			ev.name = ""
			continue
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "event":
			ev.name = string(value)
		case "data":
			if hasData {
				s.data = append(s.data, '\n')
			}
			hasData = true
			s.data = append(s.data, value...)
			if len(s.data) > s.max {
				return sseEvent{}, errEventTooLarge
			}
		}
	}
}

// readLine gives a whole line without its end. It never waits for a byte
// behind the line: an event must come out when it has arrived.
func (s *sseReader) readLine() ([]byte, error) {
	s.line = s.line[:0]
	for {
		if _, err := s.r.Peek(1); err != nil {
			return nil, err
		}
		chunk, _ := s.r.Peek(s.r.Buffered())
		if s.afterCR {
			s.afterCR = false
			if chunk[0] == '\n' {
				_, _ = s.r.Discard(1)
				continue
			}
		}
		end := bytes.IndexAny(chunk, "\r\n")
		if end < 0 {
			s.line = append(s.line, chunk...)
			_, _ = s.r.Discard(len(chunk))
			if len(s.line) > s.max {
				return nil, errEventTooLarge
			}
			continue
		}
		s.line = append(s.line, chunk[:end]...)
		s.afterCR = chunk[end] == '\r'
		_, _ = s.r.Discard(end + 1)
		if !s.begun {
			s.begun = true
			s.line = bytes.TrimPrefix(s.line, []byte("\ufeff"))
		}
		return s.line, nil
	}
}
