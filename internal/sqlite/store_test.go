package sqlite_test

import (
	"context"
	"os"
	"testing"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/sqlite"
	"github.com/dejahq/deja/internal/storetest"
)

// dirEnv tells the child of the crash test where the store is.
const dirEnv = "DEJA_SQLITE_TEST_DIR"

func TestMain(m *testing.M) {
	if os.Getenv(holdEnv) != "" {
		hold()
	}
	storetest.CrashChild(func(ctx context.Context) (deja.Store, error) {
		return sqlite.Open(ctx, sqlite.Options{Dir: os.Getenv(dirEnv)})
	})
	os.Exit(m.Run())
}

func open(t testing.TB, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) deja.Store { return open(t, t.TempDir()) })
}

func TestQueries(t *testing.T) {
	t.Parallel()
	storetest.RunQueries(t, func(t *testing.T) deja.Store { return open(t, t.TempDir()) })
}

func TestCrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	storetest.Crash(t, []string{dirEnv + "=" + dir}, func(t *testing.T) deja.Store { return open(t, dir) })
}
