package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/dejahq/deja/bench/measure"
	"github.com/dejahq/deja/bench/rivals"
)

func heading(w io.Writer, quick bool) {
	fmt.Fprint(w, "# deja's cache and its rivals\n\nWritten by `go run ./cmd/rivals -out RESULTS.md` in this folder")
	if quick {
		fmt.Fprint(w, " with -quick: short runs, rough figures")
	}
	fmt.Fprintf(w, ". %s, %s/%s, %d processors, redis-server on loopback, all in one process.\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	if load, ok := loadAverage(); ok && load > float64(runtime.GOMAXPROCS(0)) {
		fmt.Fprintf(w, "The machine was busy with other work when this began (load average %.0f): figures by the clock suffer from that, processor time hardly does.\n", load)
	}
	fmt.Fprint(w, "Absolute figures are this machine's; compare along a row. **Bold** is the best of a row (within 3 %), names in brackets are no caches but bounds.\n\n")
	fmt.Fprint(w, "| name | what | version |\n|---|---|---|\n")
	all := append(rivals.All(), rivals.LookupFloor(), rivals.MemoryFloor(), rivals.RedisFloor())
	for _, r := range all {
		module, v := r.Module, version(r.Module)
		if module == "" {
			module = "cache-aside on rueidis' client-side caching, in the manner of its rueidisaside module, written out in rivals/aside.go"
		}
		fmt.Fprintf(w, "| %s | %s | %s |\n", r.Name, module, v)
	}
}

// loadAverage gives the last minute's, where the system tells.
func loadAverage() (float64, bool) {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(string(b), " ")
	load, err := strconv.ParseFloat(first, 64)
	return load, err == nil
}

func version(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok || module == "" {
		return ""
	}
	for _, d := range info.Deps {
		if d.Path == module && d.Replace == nil {
			return d.Version
		}
	}
	return "this tree"
}

const (
	onItsOwn = "go-redis does a round trip on the caller's own goroutine; rueidis, which deja needs for pushed invalidations in every topology, " +
		"hands it to one that writes and one that reads, which costs a lone caller and pays with dozens"
	onOne        = "deja takes less processor time for a read (see below), but all its callers share one connection; with hundreds of them on a crowded machine its rate differs several-fold from run to run, as the bare GET's does"
	answersFirst = "each of its nodes loads for itself and answers before Redis has the value; deja takes a lease in Redis first and fills before it answers, which is what makes it one load for all nodes"
	loadsOnEach  = "each of its nodes loads for itself and then sets the value in Redis unconditionally; deja takes a lease in Redis first, which is what makes it one load for all nodes"
	recency      = "half of this trace's keys come twice in quick succession, the others once: recency alone gets all of it, and a policy by frequency, run in the background, turns some keys away before their second time"
)

// reasons say, by section (or section/row) and rival, why deja is not ahead where it isn't. They
// are printed for such rows only.
var reasons = map[string]map[string]string{
	"Hit in Redis": {
		"go-redis/cache": onItsOwn,
		"sturdyc":        onItsOwn,
		"gocache":        onItsOwn,
		"jetcache-go":    onItsOwn,
		"aside":          "reads with rueidis, too, but has no versions, groups and leases to check",
	},
	"Hit in Redis/512 callers": {
		"go-redis/cache": onOne,
		"sturdyc":        onOne,
		"gocache":        onOne,
		"jetcache-go":    onOne,
		"aside":          "it has the same connection, and no versions, groups and leases to check",
	},
	"Cold stampede": {
		"sturdyc":        answersFirst,
		"go-redis/cache": loadsOnEach,
		"jetcache-go":    loadsOnEach,
		"gocache":        answersFirst,
	},
	"Hit ratio on traces": {
		"go-redis/cache": recency,
		"sturdyc":        recency,
		"gocache":        recency,
	},
}

// target is what deja shall reach of a bound, as a ratio, and what keeps it
// from that where it does not.
type target struct {
	most, least float64 // 0: none
	why         string
}

// targets by section and bound; what a row lacks in order to meet its target
// is printed with it.
var targets = map[string]map[string]target{
	"Hit in memory": {
		"(otter lookup)": {most: 1.5, why: "a hit also looks at its epoch, generations and early refresh, is counted, and copies its value out of the entry"},
	},
	"Hit in Redis": {
		"(rueidis GET)": {least: 0.85, why: "for pushes Redis remembers who reads what (about a twentieth), a read has a deadline to select on (as much again), " +
			"and the entry has a checksum, a header with generations, and a flight that others may join"},
	},
}

// missed says that a ratio is not what it shall be, and why; or nothing.
func (t target) missed(ratio float64, better measure.Better) string {
	switch {
	case better == measure.Lower && t.most > 0 && ratio > t.most:
		return fmt.Sprintf(" (wanted: at most %.2fx; %s)", t.most, t.why)
	case better == measure.Higher && t.least > 0 && ratio < t.least:
		return fmt.Sprintf(" (wanted: at least %.2fx; %s)", t.least, t.why)
	}
	return ""
}

func table(w io.Writer, s measure.Section) {
	fmt.Fprintf(w, "\n## %s\n\n%s\n\n|", s.Title, s.How)
	for _, r := range s.Rivals {
		fmt.Fprintf(w, " | %s", r.Name)
	}
	fmt.Fprint(w, " | |\n|---")
	for range s.Rivals {
		fmt.Fprint(w, "|---:")
	}
	fmt.Fprint(w, "|---|\n")
	for _, row := range s.Rows {
		fmt.Fprintf(w, "| %s", row.What)
		for _, r := range s.Rivals {
			fmt.Fprintf(w, " | %s", cell(row, r, s.Rivals))
		}
		fmt.Fprintf(w, " | %s |\n", remark(row, s))
	}
}

func cell(row measure.Row, r rivals.Rival, all []rivals.Rival) string {
	figure, ok := row.Figures[r.Name]
	if !ok {
		return "-"
	}
	text := row.Format(figure)
	if !r.Floor && row.Better != measure.Neither && len(ahead(row, r, all)) == 0 {
		return "**" + text + "**"
	}
	return text
}

// ahead gives the rivals that are better than r by more than 3 %.
func ahead(row measure.Row, r rivals.Rival, all []rivals.Rival) []string {
	const tolerance = 1.03
	own, ok := row.Figures[r.Name]
	if !ok {
		return nil
	}
	var better []string
	for _, o := range all {
		f, ok := row.Figures[o.Name]
		if !ok || o.Floor {
			continue
		}
		if row.Better == measure.Lower && f*tolerance < own || row.Better == measure.Higher && f > own*tolerance {
			better = append(better, o.Name)
		}
	}
	return better
}

// remark relates deja to the bound, and says why it is behind where it is.
func remark(row measure.Row, s measure.Section) string {
	var parts []string
	own := row.Figures["deja"]
	for _, r := range s.Rivals {
		if f := row.Figures[r.Name]; r.Floor && f > 0 && own > 0 {
			parts = append(parts, fmt.Sprintf("%.2fx %s", own/f, r.Name)+targets[s.Title][r.Name].missed(own/f, row.Better))
		}
	}
	deja := rivals.All()[0]
	var order []string
	behind := make(map[string][]string) // by reason
	for _, name := range ahead(row, deja, s.Rivals) {
		why := cmp.Or(reasons[s.Title+"/"+row.What][name], reasons[s.Title][name])
		if why == "" {
			why = "not explained"
		}
		if behind[why] == nil {
			order = append(order, why)
		}
		behind[why] = append(behind[why], name)
	}
	for _, why := range order {
		parts = append(parts, "behind "+strings.Join(behind[why], ", ")+": "+why)
	}
	return strings.Join(parts, "; ")
}
