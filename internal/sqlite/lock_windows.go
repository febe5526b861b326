package sqlite

import (
	"os"

	"golang.org/x/sys/windows"
)

// tryLock locks a byte far behind the text, which stays readable so.
func tryLock(file *os.File) error {
	err := windows.LockFileEx(windows.Handle(file.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{OffsetHigh: 1})
	if err == windows.ERROR_LOCK_VIOLATION {
		return errHeld
	}
	return err
}
