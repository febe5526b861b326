package mongotest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const setUp = "run scripts/setup-mongo"

// startTime is generous: machines that run many test processes at once are slow.
const startTime = 60 * time.Second

// server is a server in memory. Nobody ends it: it ends at the end of its
// standard input, which the system closes with this process.
type server struct {
	uri   string
	stdin io.Closer // held, because its finalizer would close it
}

func start() (*server, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, fmt.Errorf("there is no java: %s", setUp)
	}
	root, err := repositoryRoot()
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(root, ".testdeps", "mongo")
	if _, err := os.Stat(filepath.Join(folder, "stamp")); err != nil {
		return nil, fmt.Errorf("%s is missing: %s", folder, setUp)
	}
	classes := filepath.Join(folder, "classes") + string(filepath.ListSeparator) + filepath.Join(folder, "lib", "*")
	// The flags are for a short life: start fast, stay small.
	cmd := exec.Command(java, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx768m",
		"-cp", classes, "TestServer")
	cmd.Dir = folder
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	said := &tail{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	port, err := readPort(stdout)
	if err != nil {
		stdin.Close()
		cmd.Process.Kill()
		cmd.Wait()
		return nil, fmt.Errorf("%w; %s said: %s", err, java, said)
	}
	return &server{fmt.Sprintf("mongodb://127.0.0.1:%d", port), stdin}, nil
}

// readPort waits for the server's first line, and then reads on in the
// background, so that the server never blocks on its output.
func readPort(stdout io.Reader) (int, error) {
	lines := bufio.NewReader(stdout)
	type result struct {
		port int
		err  error
	}
	got := make(chan result, 1)
	go func() {
		line, err := lines.ReadString('\n')
		if err != nil {
			got <- result{err: errors.New("it ended before it listened")}
			return
		}
		port, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(line), "port "))
		got <- result{port, err}
		io.Copy(io.Discard, lines)
	}()
	select {
	case r := <-got:
		return r.port, r.err
	case <-time.After(startTime):
		return 0, fmt.Errorf("it does not listen after %v", startTime)
	}
}

// repositoryRoot is the nearest folder above the working directory with a
// go.mod; tests run in their package's folder.
func repositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = parent
	}
}

// tail keeps the end of what is written to it. The process's own copying
// goroutine is its only writer, and it is read after that has ended.
type tail struct{ buf bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	const enough = 8 << 10
	t.buf.Write(p)
	if over := t.buf.Len() - enough; over > 0 {
		t.buf.Next(over)
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(t.buf.String()) }
