package redistest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// orphanVar makes TestServerDiesWithItsParent act as the parent that dies.
const orphanVar = "REDISTEST_ORPHAN"

func TestServerDiesWithItsParent(t *testing.T) {
	if os.Getenv(orphanVar) != "" {
		s := Start(t)
		fmt.Printf("addr=%s\n", s.Addr())
		_, _ = io.Copy(io.Discard, os.Stdin) // until killed
		return
	}
	t.Parallel()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestServerDiesWithItsParent$")
	child.Env = append(os.Environ(), orphanVar+"=1", "TMPDIR="+t.TempDir())
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "addr=")
	if !ok {
		t.Fatalf("the child said %q, %v", line, err)
	}
	if conn, err := net.Dial("tcp", addr); err != nil {
		t.Fatalf("the child's server does not answer: %v", err)
	} else {
		_ = conn.Close()
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	if err := waitUntil(func() error {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return nil
		}
		_ = conn.Close()
		return errors.New("the server outlives the process that started it")
	}); err != nil {
		t.Error(err)
	}
}
