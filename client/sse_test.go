package client

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

type seen struct{ Name, Data string }

func readAll(r io.Reader) (events []seen, err error) {
	s := newSSEReader(r)
	for {
		ev, err := s.next()
		if err != nil {
			return events, err
		}
		events = append(events, seen{ev.name, string(ev.data)})
	}
}

func TestSSE(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   string
		want []seen
	}{
		"plain":                    {"data: a\n\ndata: b\n\n", []seen{{"", "a"}, {"", "b"}}},
		"named":                    {"event: x\ndata: a\n\ndata: b\n\n", []seen{{"x", "a"}, {"", "b"}}},
		"CRLF":                     {"event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n", []seen{{"x", "a"}, {"", "b"}}},
		"CR":                       {"event: x\rdata: a\r\rdata: b\r\r", []seen{{"x", "a"}, {"", "b"}}},
		"mixed line ends":          {"data: a\rdata: b\ndata: c\r\n\n", []seen{{"", "a\nb\nc"}}},
		"several data lines":       {"data: a\ndata:\ndata: b\n\n", []seen{{"", "a\n\nb"}}},
		"empty data":               {"data\n\ndata:\n\n", []seen{{"", ""}, {"", ""}}},
		"one space is cut":         {"data:  a \n\n", []seen{{"", " a "}}},
		"no space":                 {"data:a\n\n", []seen{{"", "a"}}},
		"comments":                 {": hello\ndata: a\n:\n: more\n\n: bye\n\n", []seen{{"", "a"}}},
		"other fields":             {"id: 1\nretry: 2\nfoo: 3\ndata: a\nbar\n\n", []seen{{"", "a"}}},
		"colons in data":           {"data: {\"a\":1}\n\n", []seen{{"", `{"a":1}`}}},
		"event without data":       {"event: x\n\ndata: a\n\n", []seen{{"", "a"}}},
		"last name counts":         {"event: x\nevent: y\ndata: a\n\n", []seen{{"y", "a"}}},
		"byte order mark":          {"\ufeffdata: a\n\n", []seen{{"", "a"}}},
		"cut event is dropped":     {"data: a\n\ndata: b\n", []seen{{"", "a"}}},
		"cut line is dropped":      {"data: a\n\ndata: b", []seen{{"", "a"}}},
		"nothing":                  {"", nil},
		"empty lines":              {"\n\n\r\n\r\n\ndata: a\n\n\n\n", []seen{{"", "a"}}},
		"names are case-sensitive": {"Data: a\ndata: b\n\n", []seen{{"", "b"}}},
		"a line longer than the buffer": {
			"data: " + strings.Repeat("x", 100_000) + "\n\ndata: a\n\n",
			[]seen{{"", strings.Repeat("x", 100_000)}, {"", "a"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for how, r := range map[string]io.Reader{
				"whole":        strings.NewReader(c.in),
				"byte by byte": iotest.OneByteReader(strings.NewReader(c.in)),
				"with the end": iotest.DataErrReader(strings.NewReader(c.in)),
			} {
				got, err := readAll(r)
				if !errors.Is(err, io.EOF) {
					t.Errorf("%s: ended with %v", how, err)
				}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Errorf("%s: %s", how, d)
				}
			}
		})
	}
}

// An event comes out when its last byte is there, even if that is a CR whose
// LF is still on its way.
func TestSSEDoesNotWaitForMore(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"\n\n", "\r\r", "\r\n\r\n", "\r\n\r"} {
		r, w := io.Pipe()
		s := newSSEReader(r)
		go func() {
			_, _ = w.Write([]byte("data: a" + end))
			// Nothing more is sent until the event was read.
		}()
		ev, err := s.next()
		if err != nil || string(ev.data) != "a" {
			t.Errorf("%q: %q, %v", end, ev.data, err)
		}
		go func() {
			_, _ = w.Write([]byte("\ndata: b\n\n"))
			_ = w.Close()
		}()
		ev, err = s.next()
		if err != nil || string(ev.data) != "b" {
			t.Errorf("after %q: %q, %v", end, ev.data, err)
		}
	}
}

func TestSSEBoundsItsMemory(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"a long line":       "data: " + strings.Repeat("x", 5000),
		"many data lines":   strings.Repeat("data: "+strings.Repeat("x", 100)+"\n", 50),
		"a long other line": strings.Repeat("x", 5000),
	} {
		s := newSSEReader(strings.NewReader(in))
		s.max = 1000
		if _, err := s.next(); !errors.Is(err, errEventTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSSEPassesErrorsOn(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	got, err := readAll(io.MultiReader(strings.NewReader("data: a\n\ndata: b\n"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

// reference reads a stream the way the standard words it, all at once.
func reference(in []byte) (events []seen) {
	text := strings.TrimPrefix(string(in), "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	lines := strings.Split(text, "\n")
	lines = lines[:len(lines)-1] // what follows the last line end is no line
	var name string
	var data []string
	for _, line := range lines {
		if line == "" {
			if data != nil {
				events = append(events, seen{name, strings.Join(data, "\n")})
			}
			name, data = "", nil
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "data":
			data = append(data, value)
		}
	}
	return events
}

func FuzzSSE(f *testing.F) {
	for _, seed := range []string{
		"data: a\n\n", "event: x\r\ndata: a\r\ndata: b\r\n\r\n", ": c\ndata\r\rdata:\n\n", "\ufeffdata: a\n\n\r\n", "data: a\r", "\xef\xbb\xbf\xef\xbb\xbf\n",
	} {
		f.Add([]byte(seed), uint8(1))
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		want := reference(in)
		for _, r := range []io.Reader{bytes.NewReader(in), iotest.OneByteReader(bytes.NewReader(in)), &pieces{in, int(size) + 1}} {
			got, err := readAll(r)
			if !errors.Is(err, io.EOF) {
				t.Fatalf("ended with %v", err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatal(d)
			}
		}
	})
}

// pieces gives its bytes n at a time.
type pieces struct {
	b []byte
	n int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.n)], p.b)
	p.b = p.b[n:]
	return n, nil
}
