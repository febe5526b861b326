package redistest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
)

func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// isStopped reads the state letter after the parenthesised program name in
// proc(5) stat.
func isStopped(pid int) (bool, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false, err
	}
	_, rest, ok := bytes.Cut(stat, []byte(") "))
	if !ok || len(rest) == 0 {
		return false, fmt.Errorf("cannot read the state of process %d", pid)
	}
	return rest[0] == 'T', nil
}

// holdPort takes a name in the abstract socket namespace: it is exclusive
// among all processes, and gone with the process that holds it.
func holdPort(n int) (io.Closer, error) {
	return net.Listen("unix", "@deja-redistest-"+strconv.Itoa(n))
}
