package schema

import (
	"bytes"
	"context"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/dejahq/deja"
)

// textFile is a text in some encoding.
type textFile struct {
	r        io.ReaderAt
	size     int64
	bom      int64             // bytes of a byte order mark
	encoding encoding.Encoding // nil for UTF-8
}

// reader gives the text in UTF-8, from its beginning.
func (f *textFile) reader() io.Reader {
	section := io.NewSectionReader(f.r, f.bom, f.size-f.bom)
	if f.encoding == nil {
		return section
	}
	return transform.NewReader(section, f.encoding.NewDecoder())
}

// openText finds out a text's encoding: a byte order mark decides; else the
// text is UTF-8 if all of it is, or Windows-1252, which is what spreadsheet
// programs in Western languages write otherwise. What can be neither is
// refused rather than stored as garbage.
func openText(ctx context.Context, r io.ReaderAt, size int64) (*textFile, error) {
	f := &textFile{r: r, size: size}
	mark := make([]byte, 4)
	n, err := r.ReadAt(mark, 0)
	if err != nil && err != io.EOF {
		return nil, unreadable(err)
	}
	mark = mark[:n]
	switch {
	case bytes.HasPrefix(mark, []byte{0xFF, 0xFE, 0, 0}), bytes.HasPrefix(mark, []byte{0, 0, 0xFE, 0xFF}):
		return nil, deja.Errorf(deja.CodeUnsupported, "the file is in UTF-32; save it as UTF-8")
	case bytes.HasPrefix(mark, []byte{0xFF, 0xFE}):
		f.bom, f.encoding = 2, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case bytes.HasPrefix(mark, []byte{0xFE, 0xFF}):
		f.bom, f.encoding = 2, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case bytes.HasPrefix(mark, []byte{0xEF, 0xBB, 0xBF}):
		f.bom = 3
	}
	if f.encoding != nil {
		if size%2 != 0 {
			return nil, deja.Errorf(deja.CodeInvalid, "the file is in UTF-16 but ends in the middle of a character")
		}
		return f, nil
	}
	var s byteSurvey
	if err := s.read(ctx, f.reader()); err != nil {
		return nil, err
	}
	f.encoding, err = s.decide(f.bom > 0)
	return f, err
}

// byteSurvey counts what tells encodings apart.
type byteSurvey struct {
	letters  int64 // ASCII
	high     int64 // bytes above ASCII
	sequence int64 // characters of several bytes, as UTF-8 has them
	invalid  int64 // bytes that cannot be UTF-8
	badLine  int64 // the line of the first
	undef    int64 // bytes that Windows-1252 leaves undefined
	rare     int64 // bytes that Windows-1252 has for signs nobody writes, and Shift_JIS in every word
	nul      bool
}

func (s *byteSurvey) read(ctx context.Context, r io.Reader) error {
	buf := make([]byte, 64<<10)
	have, line := 0, int64(1)
	for {
		if err := ctx.Err(); err != nil {
			return cancelled(err)
		}
		n, err := r.Read(buf[have:])
		have += n
		if err != nil && err != io.EOF {
			return unreadable(err)
		}
		used := s.count(buf[:have], &line, err == io.EOF)
		if s.nul || err == io.EOF {
			return nil
		}
		have = copy(buf, buf[used:have])
	}
}

// count looks at bytes, and leaves the beginning of a character at the end.
func (s *byteSurvey) count(b []byte, line *int64, last bool) (used int) {
	for i := 0; i < len(b); {
		c := b[i]
		if c < utf8.RuneSelf {
			switch {
			case c == '\n':
				*line++
			case c == 0:
				s.nul = true
				return i
			case 'a' <= c|0x20 && c|0x20 <= 'z':
				s.letters++
			}
			i++
			continue
		}
		if !last && !utf8.FullRune(b[i:]) {
			return i
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			if s.invalid == 0 {
				s.badLine = *line
			}
			s.invalid++
		} else {
			s.sequence++
		}
		for _, h := range b[i : i+n] {
			s.high++
			switch h {
			case 0x81, 0x8D, 0x8F, 0x90, 0x9D:
				s.undef++
			case 0x82, 0x83, 0x84, 0x86, 0x87, 0x88, 0x89, 0x8B, 0x98, 0x9B:
				s.rare++
			}
		}
		i += n
	}
	return len(b)
}

// decide gives the encoding, nil for UTF-8.
func (s *byteSurvey) decide(marked bool) (encoding.Encoding, error) {
	const (
		many  = 32 // bytes, to say anything of their share
		share = 3  // of three letters in Western languages, not one is accented
	)
	switch {
	case s.nul:
		return nil, deja.Errorf(deja.CodeInvalid, "the file holds binary data, not text (or UTF-16 without a byte order mark)")
	case s.invalid == 0:
		return nil, nil
	case marked || 2*s.sequence >= s.invalid: // other encodings hardly ever look like UTF-8
		return nil, deja.Errorf(deja.CodeInvalid, "line %d is not valid UTF-8, though the rest of the file seems to be", s.badLine)
	case s.undef > 0 || 3*s.rare > s.high || s.high > many && s.high*share > s.letters+s.high:
		return nil, deja.Errorf(deja.CodeInvalid, "the text is in an encoding that cannot be told for sure; save the file as UTF-8")
	}
	return charmap.Windows1252, nil
}

// unreadable wraps a failure to read the file itself.
func unreadable(err error) error {
	return deja.Wrap(deja.CodeInternal, err, "the file cannot be read")
}

func cancelled(err error) error {
	return deja.Wrap(deja.CodeCancelled, err, "reading the file was cancelled")
}
