package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// terminal is what a command reads from and writes to, terminal or not.
type terminal struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// errNotMeant ends a command that was not confirmed.
var errNotMeant = errors.New("nothing was done")

// confirm asks whether something is meant, unless yes was said before. Where
// nobody can be asked, yes has to be said before.
func (t terminal) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	if f, ok := t.stdin.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) || !isTerminal(t.stderr) {
		return usageError{fmt.Errorf("%s Say --yes if that is meant", question)}
	}
	fmt.Fprintf(t.stderr, "%s [y/N] ", question)
	line, err := bufio.NewReader(t.stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return errNotMeant
}

func isTerminal(w io.Writer) bool {
	f, ok := raw(w).(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// screen is a terminal. What is written to it may be somebody else's words (the
// name of an assistant, what a model said), and must not steer it.
type screen struct{ file *os.File }

// onScreen gives f as a screen, if it is a terminal.
func onScreen(f *os.File) io.Writer {
	if isTerminal(f) {
		return screen{f}
	}
	return f
}

// Write writes b without its control characters.
func (s screen) Write(b []byte) (int, error) {
	if _, err := s.file.Write(harmless(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// harmless shows control characters as U+FFFD, but for line feeds and tabs;
// carriage returns are left out.
func harmless(b []byte) []byte {
	return bytes.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return -1
		case r == '\n', r == '\t', !unicode.IsControl(r):
			return r
		}
		return unicode.ReplacementChar
	}, b)
}

// raw gives what is behind a screen, for what is meant to steer it.
func raw(w io.Writer) io.Writer {
	if s, ok := w.(screen); ok {
		return s.file
	}
	return w
}

// newBar gives a progress bar that leaves no trace when it is finished.
func newBar(w io.Writer, total int64, what string, more ...progressbar.Option) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total, append([]progressbar.Option{
		progressbar.OptionSetWriter(raw(w)),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(),
	}, more...)...)
}
