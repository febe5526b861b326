package redistest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// errPortTaken means that something else bound the port first.
var errPortTaken = errors.New("redistest: port taken")

// Server is a redis-server (or sentinel) process and its data directory. It
// keeps its address through Kill and Restart. Its methods may be called from
// any goroutine; what they cannot do fails the test.
type Server struct {
	tb     TB
	cfg    config
	port   port
	dir    string // configuration and log
	data   string
	binary string
	args   []string
	// started, if any, is called whenever the server has begun to answer.
	started func() error

	mu   sync.Mutex
	proc *process
}

// Start starts a standalone server without persistence and waits until it
// answers.
func Start(tb TB, opts ...Option) *Server {
	tb.Helper()
	cfg, err := newConfig(tb, opts)
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	s, err := launch(tb, cfg)
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	return s
}

// launch makes a redis-server and starts it, on another port when its own is
// lost in between.
func launch(tb TB, cfg config) (*Server, error) {
	var last error
	for range 20 {
		s, err := newServer(tb, cfg)
		if err != nil {
			return nil, err
		}
		if last = s.launch(cfg.server(s.data, s.port)); last == nil {
			return s, nil
		}
		if !errors.Is(last, errPortTaken) {
			break
		}
	}
	return nil, last
}

// newServer makes a server that has a directory and a port, but no
// configuration, and does not run.
func newServer(tb TB, cfg config, args ...string) (*Server, error) {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("redis-server is not installed; run scripts/setup: %w", err)
	}
	dir := tb.TempDir()
	s := &Server{tb: tb, cfg: cfg, dir: dir, data: filepath.Join(dir, "data"), binary: binary, args: args}
	if err := os.Mkdir(s.data, 0o700); err != nil {
		return nil, err
	}
	if s.port, err = reservePort(); err != nil {
		return nil, err
	}
	tb.Cleanup(func() {
		s.Close()
		s.port.release()
	})
	return s, nil
}

// launch writes the configuration and starts the process.
func (s *Server) launch(ds []directive) error {
	if err := os.WriteFile(s.confFile(), render(ds), 0o600); err != nil {
		return err
	}
	return s.start()
}

func (s *Server) confFile() string { return filepath.Join(s.dir, "redis.conf") }
func (s *Server) logFile() string  { return filepath.Join(s.dir, "redis.log") }

// start starts the process, which must not run, and waits until it answers.
func (s *Server) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.Truncate(s.logFile(), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	proc, err := startProcess(s.logFile(), s.binary, append([]string{s.confFile()}, s.args...)...)
	if err != nil {
		return err
	}
	err = waitUntil(func() error {
		if proc.ended() {
			return nil
		}
		return s.ping()
	})
	if err == nil && proc.ended() {
		err = errors.New("redis-server ended")
	}
	if err == nil && s.started != nil {
		err = s.started()
	}
	if err != nil {
		proc.kill()
		log, _ := os.ReadFile(s.logFile())
		if bytes.Contains(log, []byte("Address already in use")) {
			return errPortTaken
		}
		return fmt.Errorf("%w; its log:\n%s", err, log)
	}
	s.proc = proc
	return nil
}

// ping reports whether the server answers and has its data loaded.
func (s *Server) ping() error {
	// A dial alone costs less than a client while the server is not there yet.
	conn, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return err
	}
	_ = conn.Close()
	_, err = s.Do("PING")
	return err
}

// Addr gives the server's "127.0.0.1:port".
func (s *Server) Addr() string { return s.port.addr() }

// Username gives the user of WithUser, or "".
func (s *Server) Username() string { return s.cfg.username }

// Password gives the password of WithUser or WithPassword, or "".
func (s *Server) Password() string { return s.cfg.password }

// TLS gives what a client needs to trust the server; nil without WithTLS.
func (s *Server) TLS() *tls.Config {
	if s.cfg.certs == nil {
		return nil
	}
	return s.cfg.certs.clientConfig()
}

// CAFile gives the authority's certificate as a PEM file; "" without WithTLS.
func (s *Server) CAFile() string {
	if s.cfg.certs == nil {
		return ""
	}
	return s.cfg.certs.caFile
}

// URL gives the address as redis:// or rediss://, with the credentials.
func (s *Server) URL() string {
	u := url.URL{Scheme: "redis", Host: s.Addr(), Path: "/0"}
	if s.cfg.certs != nil {
		u.Scheme = "rediss"
	}
	if s.cfg.username != "" || s.cfg.password != "" {
		u.User = url.UserPassword(s.cfg.username, s.cfg.password)
	}
	return u.String()
}

// ClientOption gives what rueidis needs to talk to this server alone.
func (s *Server) ClientOption() rueidis.ClientOption {
	return rueidis.ClientOption{
		InitAddress:       []string{s.Addr()},
		Username:          s.cfg.username,
		Password:          s.cfg.password,
		TLSConfig:         s.TLS(),
		ForceSingleClient: true,
		DisableCache:      true,
		DisableRetry:      true,
		Dialer:            net.Dialer{Timeout: 5 * time.Second},
		ConnWriteTimeout:  5 * time.Second,
		PipelineMultiplex: -1, // one connection
		ClientSetInfo:     rueidis.DisableClientSetInfo,
	}
}

// Do sends one command on a connection of its own and gives the answer; a nil
// reply is an error (see [rueidis.IsRedisNil]). It waits at most 5 seconds, so
// a paused server makes it fail.
func (s *Server) Do(command ...string) (rueidis.RedisMessage, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	client, err := rueidis.NewClient(s.ClientOption())
	if err != nil {
		return rueidis.RedisMessage{}, err
	}
	defer client.Close()
	return client.Do(ctx, client.B().Arbitrary(command...).Build()).ToMessage()
}

// Info gives one field of INFO's section.
func (s *Server) Info(section, field string) (string, error) {
	info, err := s.text("INFO", section)
	if err != nil {
		return "", err
	}
	return infoField(info, field)
}

// text sends a command whose answer is a string. Of a verbatim string, rueidis
// gives the type as well.
func (s *Server) text(command ...string) (string, error) {
	msg, err := s.Do(command...)
	if err != nil {
		return "", err
	}
	text, err := msg.ToString()
	return strings.TrimPrefix(text, "txt:"), err
}

// infoField finds the line "field:value".
func infoField(info, field string) (string, error) {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("redistest: the server's information has no %s", field)
}

// Running reports whether the process is there, paused or not.
func (s *Server) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc != nil && !s.proc.ended()
}

// running gives the process, or fails the test when it is not there.
func (s *Server) running(what string) *process {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		s.tb.Fatalf("redistest: %s: the server at %s does not run", what, s.Addr())
	}
	return s.proc
}

// Pause stops the process (SIGSTOP): connections stay open, new ones are
// accepted by the kernel, and nothing is answered.
func (s *Server) Pause() {
	s.tb.Helper()
	if err := s.running("Pause").pause(); err != nil {
		s.tb.Fatalf("redistest: Pause: %v", err)
	}
}

// Resume lets a paused process go on (SIGCONT).
func (s *Server) Resume() {
	s.tb.Helper()
	if err := s.running("Resume").resume(); err != nil {
		s.tb.Fatalf("redistest: Resume: %v", err)
	}
}

// Kill ends the process without a chance to save (SIGKILL) and waits for its
// end. Killing a dead server does nothing.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		s.proc.kill()
		s.proc = nil
	}
}

// Close is Kill, under the name that the end of a test expects. It happens by
// itself at the end.
func (s *Server) Close() { s.Kill() }

// Restart starts the server again on its port and data directory, killing it
// first if it runs. Without persistence (see WithConfig) it comes back empty.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Kill()
	if err := s.start(); err != nil {
		s.tb.Fatalf("redistest: Restart: %v", err)
	}
}

// RestartEmpty is Restart with an emptied data directory.
func (s *Server) RestartEmpty() {
	s.tb.Helper()
	s.Kill()
	if err := os.RemoveAll(s.data); err != nil {
		s.tb.Fatalf("redistest: RestartEmpty: %v", err)
	}
	if err := os.Mkdir(s.data, 0o700); err != nil {
		s.tb.Fatalf("redistest: RestartEmpty: %v", err)
	}
	if err := s.start(); err != nil {
		s.tb.Fatalf("redistest: RestartEmpty: %v", err)
	}
}
