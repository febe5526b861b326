package mongotest_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/dejahq/deja/internal/mongotest"
)

func TestEachStartIsAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	one, two := mongotest.Start(t), mongotest.Start(t)
	if one == two {
		t.Fatalf("both are %s", one)
	}
	for _, uri := range []string{one, two} {
		c := connect(t, uri).Database(database(t, uri)).Collection("things")
		if n, err := c.CountDocuments(t.Context(), bson.D{}); err != nil || n != 0 {
			t.Fatalf("count = %d, %v", n, err)
		}
		if _, err := c.InsertOne(t.Context(), bson.D{{Key: "_id", Value: 1}}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDatabaseIsDroppedWithItsTest(t *testing.T) {
	t.Parallel()
	var uri string
	t.Run("writes", func(t *testing.T) {
		uri = mongotest.Start(t)
		c := connect(t, uri).Database(database(t, uri)).Collection("things")
		if _, err := c.InsertOne(t.Context(), bson.D{{Key: "_id", Value: 1}}); err != nil {
			t.Fatal(err)
		}
	})
	c := connect(t, uri).Database(database(t, uri)).Collection("things")
	if n, err := c.CountDocuments(t.Context(), bson.D{}); err != nil || n != 0 {
		t.Errorf("%d documents are left, %v", n, err)
	}
}

func TestWithDatabase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ uri, want string }{
		{"mongodb://h:1", "mongodb://h:1/db"},
		{"mongodb://h:1/?w=1", "mongodb://h:1/db?w=1"},
		{"mongodb://h:1,i:2/old?replicaSet=r", "mongodb://h:1,i:2/db?replicaSet=r"},
		{"mongodb://u:p@h", "mongodb://u:p@h/db?authSource=admin"},
		{"mongodb+srv://u:p@h/users?w=1", "mongodb+srv://u:p@h/db?w=1&authSource=users"},
		{"mongodb://u:p@h/x?authSource=y", "mongodb://u:p@h/db?authSource=y"},
	} {
		if got := mongotest.WithDatabase(c.uri, "db"); got != c.want {
			t.Errorf("WithDatabase(%q) = %q, want %q", c.uri, got, c.want)
		}
	}
}

// TestServerEndsWithItsProcess kills a test process that has a server, the
// hard way, and sees the server's port close.
func TestServerEndsWithItsProcess(t *testing.T) {
	t.Parallel()
	const child = "DEJA_MONGOTEST_CHILD"
	if os.Getenv(child) != "" {
		fmt.Printf("uri %s\n", mongotest.Start(t))
		<-t.Context().Done()
		return
	}
	if mongotest.Real() {
		t.Skip(mongotest.RealServer + " is set: no server is started")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestServerEndsWithItsProcess$", "-test.v")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var uri string
	for s := bufio.NewScanner(out); uri == "" && s.Scan(); {
		_, uri, _ = strings.Cut(s.Text(), "uri ")
	}
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" {
		cmd.Process.Kill()
		t.Fatalf("the child gave %q: %v", uri, err)
	}
	dial := func() error {
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", u.Host)
		if err == nil {
			c.Close()
		}
		return err
	}
	if err := dial(); err != nil {
		t.Errorf("the child's server does not listen: %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	for dial() == nil {
		if ctx.Err() != nil {
			t.Fatal("the server outlives its process")
		}
	}
}

func connect(t *testing.T, uri string) *driver.Client {
	t.Helper()
	c, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Disconnect(context.Background()) })
	return c
}

func database(t *testing.T, uri string) string {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}
