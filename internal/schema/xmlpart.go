package schema

import (
	"archive/zip"
	"bufio"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/dejahq/deja"
)

// Bounds of an XML part, which keep a hostile one from filling the memory.
const (
	maxToken = 2 << 20 // bytes of a tag or a text
	maxNest  = 64      // elements within elements
)

var errToken = errors.New("an XML token is too long")

// xmlPart reads one part of an archive, element by element.
type xmlPart struct {
	file    io.ReadCloser
	decoder *xml.Decoder
	depth   int
	name    string
}

// openPart opens a part of an archive, and charges its unpacked bytes to a
// budget when they are read.
func openPart(f *zip.File, budget int64) (*xmlPart, error) {
	if f.Flags&1 != 0 {
		return nil, unsupported("the file is protected by a password")
	}
	r, err := f.Open()
	if err != nil {
		return nil, damaged(f.Name, err)
	}
	guard := &tokenGuard{in: bufio.NewReaderSize(&budgetReader{in: r, left: budget}, 64<<10)}
	return &xmlPart{file: r, decoder: xml.NewDecoder(guard), name: f.Name}, nil
}

// Close ends reading.
func (p *xmlPart) Close() error { return p.file.Close() }

// token gives the next tag or text, or io.EOF after the whole part.
func (p *xmlPart) token() (xml.Token, error) {
	t, err := p.decoder.Token()
	switch {
	case err == io.EOF:
		return nil, err
	case errors.Is(err, errToken):
		return nil, tooLarge("part %s of the file has a text of more than %d bytes", p.name, maxToken)
	case err != nil:
		return nil, damaged(p.name, err)
	}
	switch t.(type) {
	case xml.StartElement:
		if p.depth++; p.depth > maxNest {
			return nil, tooLarge("part %s of the file is nested too deep", p.name)
		}
	case xml.EndElement:
		p.depth--
	}
	return t, nil
}

// elements calls visit for each element anywhere in the part. visit may read
// on within the element.
func (p *xmlPart) elements(visit func(xml.StartElement) error) error {
	for {
		t, err := p.token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if e, ok := t.(xml.StartElement); ok {
			if err := visit(e); err != nil {
				return err
			}
		}
	}
}

// text reads to the end of the element that was begun last and gives its text,
// that of elements inside it too, but for those left out.
func (p *xmlPart) text(most int, leaveOut ...string) (string, error) {
	var b strings.Builder
	depth, out := p.depth, 0
	for {
		t, err := p.token()
		if err == io.EOF {
			err = damaged(p.name, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return "", err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if out == 0 && slices.Contains(leaveOut, t.Name.Local) {
				out = p.depth
			}
		case xml.EndElement:
			if p.depth < depth {
				return b.String(), nil
			}
			if p.depth < out {
				out = 0
			}
		case xml.CharData:
			if out == 0 {
				b.Write(t)
			}
			if b.Len() > most {
				return "", tooLarge("a value in part %s of the file is longer than %d bytes", p.name, most)
			}
		}
	}
}

// attribute gives an attribute of an element by its local name.
func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// flag reads an attribute that is true or false.
func flag(e xml.StartElement, name string) bool {
	v := attribute(e, name)
	return v == "1" || v == "true" || v == "on"
}

func damaged(part string, err error) error {
	if e, ok := errors.AsType[*deja.Error](err); ok {
		return e
	}
	return deja.Wrap(deja.CodeInvalid, err, "the file is damaged in part "+part).WithParam("file")
}

// budgetReader ends with CodeTooLarge when more is read than the budget has.
type budgetReader struct {
	in   io.Reader
	left int64
}

func (r *budgetReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	if r.left -= int64(n); r.left < 0 {
		return n, tooLarge("the file is too large when it is unpacked")
	}
	return n, err
}

// tokenGuard refuses XML whose single tag or text is too long to keep: what
// lies between one '<' and the next. Comments and CDATA sections, in which a
// '<' means nothing, count as a whole.
type tokenGuard struct {
	in    *bufio.Reader
	run   int     // bytes since the last token began
	tail  [2]byte // before the byte that is being looked at
	block bool    // in <!...
}

func (g *tokenGuard) Read(p []byte) (int, error) {
	n, err := g.in.Read(p)
	for _, c := range p[:n] {
		if err := g.see(c); err != nil {
			return 0, err
		}
	}
	return n, err
}

// ReadByte lets the decoder do without a buffer of its own.
func (g *tokenGuard) ReadByte() (byte, error) {
	c, err := g.in.ReadByte()
	if err != nil {
		return 0, err
	}
	return c, g.see(c)
}

func (g *tokenGuard) see(c byte) error {
	switch {
	case g.block:
		if c == '>' && (g.tail == [2]byte{'-', '-'} || g.tail == [2]byte{']', ']'}) {
			g.block = false
		}
	case c == '<':
		g.run = 0
	case c == '!' && g.tail[1] == '<':
		g.block = true
	}
	g.tail = [2]byte{g.tail[1], c}
	if g.run++; g.run > maxToken {
		return errToken
	}
	return nil
}
