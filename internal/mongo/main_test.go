package mongo_test

import (
	"context"
	"os"
	"testing"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/mongo"
	"github.com/dejahq/deja/internal/mongotest"
	"github.com/dejahq/deja/internal/storetest"
)

// crashURI names the store of the crash test's child.
const crashURI = "DEJA_TEST_CRASH_MONGODB_URI"

func TestMain(m *testing.M) {
	storetest.CrashChild(func(ctx context.Context) (deja.Store, error) {
		return mongo.Open(ctx, mongo.Options{URI: deja.NewSecret(os.Getenv(crashURI))})
	})
	os.Exit(m.Run())
}

// TestCrash kills a node. The server is this process's, and stays.
func TestCrash(t *testing.T) {
	t.Parallel()
	uri := mongotest.Start(t)
	storetest.Crash(t, []string{crashURI + "=" + uri}, func(t *testing.T) deja.Store { return open(t, uri) })
}
