package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/dejahq/deja"
)

// dirLock keeps a folder for one Store. The system frees it when the process
// ends, however it ends.
type dirLock struct{ file *os.File }

// errHeld is what tryLock gives when somebody else has the lock.
var errHeld = errors.New("the lock is held")

// lockDir takes the lock of a folder, or says at once who has it.
func lockDir(dir string) (*dirLock, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, deja.Wrap(deja.CodeUnavailable, err, fmt.Sprintf("The store's folder %s cannot be written to.", dir))
	}
	if err := tryLock(file); err != nil {
		if !errors.Is(err, errHeld) {
			file.Close()
			return nil, deja.Wrap(deja.CodeUnavailable, err, fmt.Sprintf("The store's folder %s cannot be locked.", dir))
		}
		holder, _ := io.ReadAll(io.LimitReader(file, 20))
		file.Close()
		who := "another process"
		if pid := strings.TrimSpace(string(holder)); pid != "" {
			who += " (" + pid + ")"
		}
		return nil, deja.Wrap(deja.CodeUnavailable, err, fmt.Sprintf("The store in %s is in use by %s: one process at a time can have it.", dir, who))
	}
	// The number is for the message above only; the lock does not depend on it.
	if err := file.Truncate(0); err == nil {
		fmt.Fprintf(file, "pid %d\n", os.Getpid())
	}
	return &dirLock{file}, nil
}

// release gives the folder back. It unlocks by name, as closing does not while
// a process that is just being started still has a copy of the file. The file
// stays: removing it would let two processes lock two files of one name.
func (l *dirLock) release() error { return errors.Join(unlock(l.file), l.file.Close()) }
