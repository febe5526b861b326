package redistest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// process is a started program; done is closed when it has ended.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// startProcess runs a program whose output is appended to logFile.
//
// The kernel's parent-death signal is bound to the thread that forks, not to
// the process, so the goroutine that starts the program keeps its thread to
// itself until the program has ended.
func startProcess(logFile, path string, args ...string) (*process, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = dieWithParent()

	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		_ = log.Close()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
	}()
	return p, <-started
}

// kill ends the process at once, stopped or not, and waits for its end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// pause stops the process and returns when no thread of it runs any more.
func (p *process) pause() error {
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	pid := p.cmd.Process.Pid
	return waitUntil(func() error {
		if stopped, err := isStopped(pid); err != nil || stopped {
			return err
		}
		return fmt.Errorf("process %d has not stopped", pid)
	})
}

func (p *process) resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}
