package redisconn_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/dejahq/deja/internal/redisconn"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"redis://localhost":               "redis://localhost:6379/0",
		"redis://10.0.0.1:7000/3":         "redis://10.0.0.1:7000/3",
		"redis://u:secret@h:1/2":          "redis://u:***@h:1/2",
		"redis://:secret@h":               "redis://:***@h:6379/0",
		"rediss://h:1?db=4":               "rediss://h:1/4",
		"redis://[::1]:6379":              "redis://[::1]:6379/0",
		"unix:///run/redis.sock":          "redis:///run/redis.sock/0",
		"unix://u:secret@/run/s.sock?db=": "redis://u:***@/run/s.sock/0",
	} {
		o, err := redisconn.Parse(url)
		if err != nil || o.String() != want {
			t.Errorf("%s: %s, %v; want %s", url, o, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"http://u:hunter2@h", "redis://u:hunter2@h:port", "redis://u:hunter2@h/x", "redis:hunter2", "unix://", "://hunter2",
		"redis://u:hunter2@h/-1", "redis://hunter2@h", "hunter2\x7f://",
	} {
		_, err := redisconn.Parse(url)
		if !errors.Is(err, redisconn.ErrURL) && !errors.Is(err, redisconn.ErrOptions) {
			t.Errorf("%q: %v", url, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q shows itself: %v", url, err)
		}
	}
	for _, o := range []redisconn.Options{
		{URL: "redis://h", Addrs: []string{"h:1"}},
		{Addrs: []string{"h"}},
		{Addrs: []string{"redis://u:hunter2@h:1"}},
		{DB: -1},
		{Name: "a b"},
		{SentinelPassword: "x"},
		{URL: "unix:///s", Master: "m"},
	} {
		if c, err := redisconn.Open(o); !errors.Is(err, redisconn.ErrOptions) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v: %v, %v", o, c, err)
		}
	}
}

func TestSecretsDontShow(t *testing.T) {
	t.Parallel()
	o := redisconn.Options{URL: "redis://u:hunter2@h", Password: "hunter3", SentinelPassword: "hunter4", Master: "m"}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "redis", o, "pointer", &o)
	asJSON, _ := json.Marshal(o)
	for _, s := range []string{fmt.Sprint(o), fmt.Sprintf("%+v %#v %s %q", o, o, &o, o), log.String(), string(asJSON)} {
		if strings.Contains(s, "hunter") {
			t.Errorf("shows: %s", s)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("redis://u:secret@h:1/2?db=3")
	f.Add("unix:///x")
	f.Fuzz(func(t *testing.T, url string) {
		o, err := redisconn.Parse(url)
		if err == nil && o.String() == "redis(invalid)" {
			t.Fatalf("%q is accepted and invalid", url)
		}
	})
}

func TestSecrecy(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]redisconn.Secrecy{
		"redis://localhost":         {Loopback: true},
		"redis://127.1.2.3:7000":    {Loopback: true},
		"rediss://:secret@[::1]:1":  {Auth: true, TLS: true, Loopback: true},
		"unix:///run/redis.sock":    {Loopback: true},
		"redis://u:secret@10.0.0.1": {Auth: true},
		"rediss://redis.example":    {TLS: true},
		"redis://localhost.example": {},
	} {
		o, err := redisconn.Parse(url)
		if err != nil {
			t.Fatal(err)
		}
		c, err := redisconn.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Secrecy(); got != want {
			t.Errorf("%s: %+v, want %+v", url, got, want)
		}
		_ = c.Close()
	}
	c, err := redisconn.Open(redisconn.Options{Addrs: []string{"localhost:1", "10.0.0.1:1"}, DB: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Secrecy().Loopback || c.Database() != 3 {
		t.Error("one address is elsewhere")
	}
}
