package redistest

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

// get gives key's value, "" for none, and fails the test on other errors.
func get(t *testing.T, s *Server, key string) string {
	t.Helper()
	msg, err := s.Do("GET", key)
	if rueidis.IsRedisNil(err) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	v, err := msg.ToString()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func set(t *testing.T, s *Server, key, value string) {
	t.Helper()
	if _, err := s.Do("SET", key, value); err != nil {
		t.Fatal(err)
	}
}

func TestServerKeepsItsAddressThroughKillAndRestart(t *testing.T) {
	t.Parallel()
	s := Start(t)
	addr := s.Addr()
	set(t, s, "k", "v")
	if got := get(t, s, "k"); got != "v" {
		t.Fatalf("GET k = %q, want v", got)
	}

	s.Kill()
	s.Kill() // once more does nothing
	if _, err := s.Do("PING"); err == nil {
		t.Fatal("a killed server answers")
	}
	s.Restart()
	if s.Addr() != addr {
		t.Fatalf("address changed from %s to %s", addr, s.Addr())
	}
	if got := get(t, s, "k"); got != "" {
		t.Fatalf("without persistence GET k = %q after a restart", got)
	}
}

func TestRestartKeepsAndRestartEmptyDropsPersistedData(t *testing.T) {
	t.Parallel()
	s := Start(t, WithConfig("appendonly", "yes"), WithConfig("appendfsync", "always"))
	set(t, s, "k", "v")
	s.Restart()
	if got := get(t, s, "k"); got != "v" {
		t.Fatalf("after Restart GET k = %q, want v", got)
	}
	s.RestartEmpty()
	if got := get(t, s, "k"); got != "" {
		t.Fatalf("after RestartEmpty GET k = %q, want nothing", got)
	}
}

func TestPauseHangsAndResumeGoesOn(t *testing.T) {
	t.Parallel()
	s := Start(t)
	opt := s.ClientOption()
	opt.ConnWriteTimeout = 100 * time.Millisecond
	opt.Dialer.Timeout = 100 * time.Millisecond
	client, err := rueidis.NewClient(opt)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()

	ping := func() error { return client.Do(t.Context(), client.B().Ping().Build()).Error() }
	s.Pause()
	if err := ping(); err == nil {
		t.Fatal("a paused server answers")
	}
	s.Resume()
	if err := waitUntil(ping); err != nil {
		t.Fatalf("a resumed server does not answer: %v", err)
	}
	s.Pause() // cleanup must end a paused server too
}

func TestCredentialsAndTLS(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		opts   []Option
		prefix string
	}{
		{"none", nil, "redis://127.0.0.1:"},
		{"password", []Option{WithPassword("pa ss\"\\w\n")}, "redis://:pa%20ss%22%5Cw%0A@127.0.0.1:"},
		{"user", []Option{WithUser("deja", "secret")}, "redis://deja:secret@127.0.0.1:"},
		{"tls", []Option{WithTLS()}, "rediss://127.0.0.1:"},
		{"tls and user", []Option{WithTLS(), WithUser("deja", "secret")}, "rediss://deja:secret@127.0.0.1:"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := Start(t, tc.opts...)
			if !strings.HasPrefix(s.URL(), tc.prefix) || !strings.HasSuffix(s.URL(), "/0") {
				t.Errorf("URL = %q, want %q...", s.URL(), tc.prefix)
			}
			opt, err := rueidis.ParseURL(s.URL())
			if err != nil {
				t.Fatal(err)
			}
			if opt.TLSConfig != nil {
				opt.TLSConfig = s.TLS()
			}
			opt.DisableCache = true
			client, err := rueidis.NewClient(opt)
			if err != nil {
				t.Fatalf("connecting by URL: %v", err)
			}
			defer client.Close()
			if err := client.Do(t.Context(), client.B().Ping().Build()).Error(); err != nil {
				t.Fatal(err)
			}

			if s.Password() == "" {
				return
			}
			opt.Username, opt.Password = "", ""
			if client, err := rueidis.NewClient(opt); err == nil {
				defer client.Close()
				if err := client.Do(t.Context(), client.B().Ping().Build()).Error(); err == nil {
					t.Error("the server answers without credentials")
				}
			}
		})
	}
}

func TestOptionsReachTheServer(t *testing.T) {
	t.Parallel()
	s := Start(t, WithMaxMemory("4mb", "allkeys-lru"), WithConfig("notify-keyspace-events", "KEA"))
	for name, want := range map[string]string{
		"maxmemory":        "4194304",
		"maxmemory-policy": "allkeys-lru",
		"save":             "",
		"appendonly":       "no",
		"protected-mode":   "yes",
	} {
		msg, err := s.Do("CONFIG", "GET", name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := msg.AsStrMap()
		if err != nil {
			t.Fatal(err)
		}
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
	if v, err := s.Info("memory", "maxmemory_policy"); err != nil || v != "allkeys-lru" {
		t.Errorf("Info = %q, %v", v, err)
	}
	if _, err := s.Info("memory", "no_such_field"); err == nil {
		t.Error("Info of an unknown field gives no error")
	}
}

func TestAMissingServerNamesTheSetup(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := launch(t, config{})
	if err == nil || !strings.Contains(err.Error(), "scripts/setup") {
		t.Errorf("without redis-server: %v, want a word on scripts/setup", err)
	}
}
