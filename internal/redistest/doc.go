// Package redistest starts real redis-server processes on loopback for tests:
// one server ([Start]), a master with replicas and sentinels ([StartSentinel]),
// a cluster ([StartCluster]), and a TCP proxy that spoils connections
// ([NewProxy]). [Standstill] tells a slow machine from a slow program.
//
// Every process keeps its data in a directory of the test, ends with the test,
// and on Linux also when the test process dies. A machine without redis-server
// fails the test; scripts/setup installs it.
//
// Ports come from 10240-20239, below the range that Linux gives to outgoing
// connections: a client that redials a killed server can then neither take its
// port nor connect to itself, and Restart finds the port free. A port is held
// by its test for as long as the test runs, against other tests that run at the
// same time.
package redistest

import "time"

// TB is the part of [testing.TB] that this package needs. A program that is not
// a test can implement it.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
	TempDir() string
}

// patience is how long any wait of this package lasts before the test fails.
// It is far above what a loaded machine needs; nothing waits that long in
// vain unless something is broken.
const patience = time.Minute

// waitUntil looks at check until it gives nil, and gives its last error when
// the patience is over. It looks less and less often, so that waiting tests
// leave the processor to what they wait for.
func waitUntil(check func() error) error {
	deadline := time.Now().Add(patience)
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := check()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(pause)
	}
}
