package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

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
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// newBar gives a progress bar that leaves no trace when it is finished.
func newBar(w io.Writer, total int64, what string, more ...progressbar.Option) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total, append([]progressbar.Option{
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(),
	}, more...)...)
}
