package measure

import (
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/dejahq/deja/bench/rivals"
)

func TestReplayCountsLoads(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "keys.txt.gz")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	if _, err := z.Write([]byte("1\n2\n1\n1\n3\n2\n1\n1\n")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	keys, err := readTrace(name)
	if err != nil || len(keys) != 8 {
		t.Fatalf("%q, %v", keys, err)
	}
	for _, r := range rivals.All() {
		if !r.MemoryAlone {
			continue
		}
		if ratio, err := replay(r, keys, 1000); err != nil || ratio != 5.0/8 {
			t.Errorf("%s: %v, %v, want 5 hits of 8", r.Name, ratio, err)
		}
	}
}
