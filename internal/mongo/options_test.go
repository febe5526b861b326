package mongo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/mongotest"
)

const password = "hunter2"

func TestOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{
		{},
		{URI: deja.NewSecret("hunter2")},
		{URI: deja.NewSecret("postgres://u:hunter2@h/db")},
		{URI: deja.NewSecret("mongodb://")},
		{URI: deja.NewSecret("mongodb://u:hunter2/%zz@h")},
		{URI: deja.NewSecret("mongodb://u:hunter2@h:99999")},
		{URI: deja.NewSecret("mongodb://u:hunter2@h/?authMechanism=hunter2")},
		{URI: deja.NewSecret("mongodb://u:hunter2@h/?tlsCAFile=/nowhere/hunter2&tls=true")},
		{URI: deja.NewSecret("mongodb://u:hunter2@h"), Database: "a.b"},
		{URI: deja.NewSecret("mongodb://u:hunter2@h"), Database: strings.Repeat("x", 64)},
		{URI: deja.NewSecret("mongodb://u:hunter2@h"), Timeout: -1},
	} {
		s, err := Open(t.Context(), o)
		if s != nil || deja.ErrorCode(err) != deja.CodeInvalid {
			t.Errorf("%q: %v, want %s", o.URI.Reveal(), err, deja.CodeInvalid)
		}
		wantNoSecret(t, err)
	}
}

func TestDatabase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ uri, option, want string }{
		{"mongodb://h", "", "deja"},
		{"mongodb://h/", "", "deja"},
		{"mongodb://h/?w=1", "", "deja"},
		{"mongodb://h:1,i:2/chat?w=1", "", "chat"},
		{"mongodb://u:a%2Fb@h/chat", "", "chat"},
		{"mongodb://h/chat%2Dbot", "", "chat-bot"},
		{"mongodb://h/chat", "other", "chat"},
		{"mongodb://h/?w=1", "other", "other"},
	} {
		o, _, err := Options{URI: deja.NewSecret(c.uri), Database: c.option}.checked()
		if err != nil || o.Database != c.want {
			t.Errorf("%s with %q: %q, %v, want %q", c.uri, c.option, o.Database, err, c.want)
		}
	}
}

// TestWhatTheStoreNeeds sees that a connection string cannot weaken what the
// store promises, and can set the rest.
func TestWhatTheStoreNeeds(t *testing.T) {
	t.Parallel()
	uri := "mongodb://h/?w=0&journal=false&readConcernLevel=local&readPreference=secondary&serverSelectionTimeoutMS=1234"
	_, c, err := Options{URI: deja.NewSecret(uri)}.checked()
	if err != nil {
		t.Fatal(err)
	}
	if wc := c.WriteConcern; wc.W != "majority" || wc.Journal == nil || !*wc.Journal {
		t.Errorf("write concern %+v", wc)
	}
	if c.ReadConcern.Level != "majority" || c.ReadPreference.Mode().String() != "primary" {
		t.Errorf("read concern %+v, read preference %v", c.ReadConcern, c.ReadPreference)
	}
	if *c.ServerSelectionTimeout != 1234*time.Millisecond {
		t.Errorf("server selection timeout %v", *c.ServerSelectionTimeout)
	}
}

// TestNobodyThere opens a store on a port that refuses, and on one that never
// answers.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing.Close()
	for _, l := range []net.Listener{silent, refusing} {
		uri := fmt.Sprintf("mongodb://user:%s@%s/db", password, l.Addr())
		began := time.Now()
		s, err := Open(t.Context(), Options{URI: deja.NewSecret(uri), ConnectTimeout: 300 * time.Millisecond})
		if s != nil || deja.ErrorCode(err) != deja.CodeUnavailable {
			t.Errorf("%v, want %s", err, deja.CodeUnavailable)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %v to find out", took)
		}
		wantNoSecret(t, err)
	}
}

// TestTimeout lets a server vanish under an open store: a call without a
// deadline ends all the same, and says the right thing.
func TestTimeout(t *testing.T) {
	t.Parallel()
	network := &faultyNet{}
	s, err := Open(t.Context(), Options{URI: deja.NewSecret(mongotest.Start(t)), dialer: network})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	network.failAt(1, getsNoAnswer)
	s.timeout = 200 * time.Millisecond
	_, err = s.Assistant(t.Context(), "asst_x")
	if deja.ErrorCode(err) != deja.CodeUnavailable || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want %s", err, deja.CodeUnavailable)
	}
	network.failAt(0, arrives)
	s.timeout = time.Minute
	if _, err := s.Assistant(t.Context(), "asst_x"); deja.ErrorCode(err) != deja.CodeNotFound {
		t.Errorf("afterwards: %v", err)
	}
}

func wantNoSecret(t *testing.T, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, password) {
			t.Errorf("an error tells the password: %s", text)
		}
	}
}
