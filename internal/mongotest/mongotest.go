// Package mongotest gives tests a MongoDB to talk to: a server in memory,
// fetched by scripts/setup-mongo and started once per test process, or the
// real server that TEST_MONGO_URI names. Every test gets databases of its own.
package mongotest

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// RealServer is the environment variable with the connection string of a real
// MongoDB that the tests shall use.
const RealServer = "TEST_MONGO_URI"

// shared is the process's one server in memory: a JVM takes half a second to
// start, and databases keep tests apart.
var shared = sync.OnceValues(start)

// Start gives the connection string of an empty database, which is dropped
// when the test ends. The server behind it is shared by the tests of the
// process and ends with the process, however that one ends. A server that
// cannot be started is a failure, never a skip.
func Start(tb testing.TB) (uri string) {
	tb.Helper()
	return newDatabase(tb, "")
}

// StartStandalone does what Start does, with a database that has no change
// streams, as on a server without replication. Only the server in memory can.
func StartStandalone(tb testing.TB) (uri string) {
	tb.Helper()
	return newDatabase(tb, "_standalone")
}

func newDatabase(tb testing.TB, kind string) string {
	tb.Helper()
	server := os.Getenv(RealServer)
	if server == "" {
		s, err := shared()
		if err != nil {
			tb.Fatalf("the MongoDB test server: %v", err)
		}
		server = s.uri
	}
	database := "deja_test_" + strings.ToLower(rand.Text()[:16]) + kind
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := drop(ctx, server, database); err != nil {
			tb.Logf("database %s was not dropped: %v", database, err)
		}
	})
	return WithDatabase(server, database)
}

// Real reports whether the tests run on a real MongoDB.
func Real() bool { return os.Getenv(RealServer) != "" }

func drop(ctx context.Context, uri, database string) error {
	client, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		return err
	}
	defer client.Disconnect(ctx)
	return client.Database(database).Drop(ctx)
}

// WithDatabase puts a database into a connection string, and keeps the one
// that credentials are checked against.
func WithDatabase(uri, database string) string {
	scheme, rest, _ := strings.Cut(uri, "://")
	rest, query, _ := strings.Cut(rest, "?")
	hosts, old, _ := strings.Cut(rest, "/")
	if strings.Contains(hosts, "@") && !strings.Contains(strings.ToLower(query), "authsource=") {
		if old == "" {
			old = "admin"
		}
		query = strings.TrimPrefix(query+"&authSource="+old, "&")
	}
	uri = scheme + "://" + hosts + "/" + database
	if query != "" {
		uri += "?" + query
	}
	return uri
}
