package measure

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/dejahq/deja/bench/rivals"
)

// ErrNoData means that the traces are not on this machine.
var ErrNoData = errors.New("measure: no key traces")

// traces are replayed at one size each, a tenth or less of their keys.
var traces = []struct {
	name    string
	entries int
}{
	{"cache2k_web07", 2048},
	{"arc_oltp", 9344},
	{"cache2k_orm-night", 4323},
	{"corda_vaultservice", 9046},
}

// HitRatios replays what real programs asked their caches for.
func HitRatios(o Options) (Section, error) {
	s := Section{
		Title: "Hit ratio on traces",
		How: "Real sequences of keys, read by one caller from memory alone, with the same number of entries for each (deja's budget is in bytes: entries times what one counts for). " +
			"LRU and the optimum (Belady) are of the traces' own golden file. What can't do without Redis is left out.",
	}
	const lru, optimum = "(LRU)", "(optimum)"
	s.Rivals = append(s.Rivals, rivals.Rival{Name: lru, Floor: true}, rivals.Rival{Name: optimum, Floor: true}, rivals.MemoryFloor())
	for _, r := range rivals.All() {
		if r.MemoryAlone {
			s.Rivals = append(s.Rivals, r)
		}
	}
	golden, err := goldenRatios(filepath.Join(o.Data, "golden_hit_ratios.csv"))
	if errors.Is(err, fs.ErrNotExist) {
		return s, ErrNoData
	}
	if err != nil {
		return s, err
	}
	for _, t := range traces {
		keys, err := readTrace(filepath.Join(o.Data, t.name+".txt.gz"))
		if err != nil {
			return s, err
		}
		row := newRow(fmt.Sprintf("%s, %d entries", t.name, t.entries), Higher, percent)
		if g, ok := golden[t.name+"/"+strconv.Itoa(t.entries)]; ok {
			row.Figures[lru], row.Figures[optimum] = g[0], g[1]
		}
		for _, r := range s.Rivals {
			if r.Open == nil {
				continue
			}
			rounds := o.Rounds
			if len(keys) > 1_000_000 {
				rounds = 1
			}
			for range min(rounds, 3) { // policies that run in the background differ from run to run
				ratio, err := replay(r, keys, t.entries)
				if err != nil {
					return s, fmt.Errorf("%s: %w", r.Name, err)
				}
				row.keep(r.Name, ratio)
			}
		}
		s.Rows = append(s.Rows, row)
	}
	return s, nil
}

func replay(r rivals.Rival, keys []string, entries int) (float64, error) {
	loads := 0
	c, err := r.Open(rivals.Setup{
		Entries: entries, TTL: time.Hour, Settled: true,
		Load: func(_ context.Context, id string) (rivals.Value, error) {
			loads++
			return rivals.Value{ID: id}, nil
		},
	})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	loads = 0 // what opening took
	for _, k := range keys {
		if _, err := c.Get(context.Background(), k); err != nil {
			return 0, err
		}
	}
	return 1 - float64(loads)/float64(len(keys)), nil
}

// readTrace reads one key a line, giving equal keys the same string.
func readTrace(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]string)
	var keys []string
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		k, ok := seen[string(lines.Bytes())]
		if !ok {
			k = lines.Text()
			seen[k] = k
		}
		keys = append(keys, k)
	}
	return keys, lines.Err()
}

// goldenRatios gives LRU's and the optimal ratio by "trace/entries".
func goldenRatios(name string) (map[string][2]float64, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	ratios := make(map[string][2]float64)
	for _, l := range lines[1:] {
		lru, err1 := strconv.ParseFloat(l[5], 64)
		optimum, err2 := strconv.ParseFloat(l[6], 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		ratios[l[0]+"/"+l[4]] = [2]float64{lru, optimum}
	}
	return ratios, nil
}
