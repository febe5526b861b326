//go:build !linux

package redistest

import (
	"io"
	"syscall"
)

// dieWithParent has no equivalent here: servers end with the test's cleanup.
func dieWithParent() *syscall.SysProcAttr { return nil }

// isStopped takes the signal's word for it.
func isStopped(int) (bool, error) { return true, nil }

// holdPort holds nothing here: two tests that pick the same port at the same
// time are told apart by redis-server failing to bind, and by the retry.
func holdPort(int) (io.Closer, error) { return io.NopCloser(nil), nil }
