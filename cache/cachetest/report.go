package cachetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/dejahq/deja/cache"
)

// Report is what an exploration saw.
type Report struct {
	Reads, Writes, Failed int
	Sources               map[string]int // of the reads
	Faults                map[string]int
	Acknowledged          int // writes
	Stale                 []Stale
	Worst                 time.Duration // age of the oldest stale read
	// Opinion is porcupine's, under the promises that allow no stale read.
	Opinion Opinion
	// StoodStill is the longest time in which this process did nothing though
	// it should have: the machine, and not the cache, was late by that.
	StoodStill time.Duration
	History    []Op

	tooLittle string
}

// opinionWithin is how long porcupine may search one run's history.
const opinionWithin = 20 * time.Second

const (
	fewReads  = 100
	fewWrites = 5
)

func (r *run) report(faults map[string]int, stoodStill time.Duration) Report {
	rep := Report{Failed: r.failed, Faults: faults, Sources: make(map[string]int), StoodStill: stoodStill, History: r.history}
	for _, op := range r.history {
		if op.Write {
			rep.Acknowledged++
		} else {
			rep.Reads++
			rep.Sources[op.Source]++
		}
	}
	for i := range r.newest {
		rep.Writes += int(r.newest[i].Load()) - 1
	}
	rep.Stale = Check(r.history)
	for _, s := range rep.Stale {
		rep.Worst = max(rep.Worst, s.Age)
	}
	if r.x.Promise != cache.Bounded {
		rep.Opinion = Linearizable(r.history, opinionWithin)
	}
	rep.tooLittle = rep.lacks(r.asked)
	return rep
}

// lacks is told the faults that were asked for by name.
func (r Report) lacks(asked []string) string {
	switch {
	case r.Reads < fewReads:
		return fmt.Sprintf("%d reads", r.Reads)
	case r.Acknowledged < fewWrites:
		return fmt.Sprintf("%d acknowledged writes", r.Acknowledged)
	case asked == nil && len(r.Faults) == 0:
		return "no fault"
	}
	var missing []string
	for _, name := range asked {
		if name != "none" && r.Faults[name] == 0 {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return "no " + strings.Join(missing, ", no ")
	}
	return ""
}

// TooLittle says why a run proves nothing: hardly anything was read or
// written, or a fault that was asked for by name didn't come. Empty, it is
// worth something.
func (r Report) TooLittle() string { return r.tooLittle }

// String gives the report in a few lines.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "reads %d %v, writes %d (%d acknowledged), failed %d\nfaults %v, stood still for %v\nstale reads %d, oldest by %v",
		r.Reads, r.Sources, r.Writes, r.Acknowledged, r.Failed, r.Faults, r.StoodStill.Round(time.Millisecond), len(r.Stale), r.Worst)
	for i, v := range r.Stale {
		if i == 5 {
			fmt.Fprintf(&b, "\n  and %d more", len(r.Stale)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %v after %+v, read %+v", v.Age, v.Write, v.Read)
	}
	if r.Opinion.Windows > 0 {
		fmt.Fprintf(&b, "\nporcupine: %v", r.Opinion)
	}
	return b.String()
}
