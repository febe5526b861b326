// Command historycheck looks for stale reads: it starts redis-servers and
// several engines, reads, writes and invalidates at random under faults, and
// prints what it saw.
//
//	go run ./cache/cachetest/historycheck -duration 60s -nodes 4 -topology cluster -promise acknowledged -seed 7
//
// It exits with 1 when a read broke the promise, and with 2 when it couldn't
// find out: the flags make no sense, hardly anything was read or written, a
// fault named by -faults didn't come, or the machine itself stood still.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/cache/cachetest"
)

const (
	// bound is how stale a read may be under the bounded promise: the time in
	// which a dead connection is noticed.
	bound = 2 * time.Second
	// still is for how long a machine must have stood still to be an excuse.
	still = 50 * time.Millisecond
)

const (
	exitKept = iota
	exitBroken
	exitUnknown
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, out, errs io.Writer) int {
	x, err := parse(args, errs)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitKept
	case errors.Is(err, errSaid):
		return exitUnknown
	case err != nil:
		fmt.Fprintln(errs, "historycheck:", err)
		return exitUnknown
	}
	tb := &host{}
	defer tb.cleanup()
	report, err := cachetest.Explore(ctx, tb, x)
	if err != nil {
		fmt.Fprintln(errs, "historycheck:", err)
		return exitUnknown
	}
	fmt.Fprintf(out, "promise %s, %s, %d nodes, seed %d\n%s\n", x.Promise, x.Topology, x.Nodes, x.Seed, report)
	code, why := judge(x.Promise, report)
	if why != "" {
		fmt.Fprintln(errs, "historycheck:", why)
	}
	return code
}

// judge gives the exit code, and why it is so if nothing was found out.
func judge(p cache.Promise, r cachetest.Report) (code int, why string) {
	switch {
	case p == cache.Bounded && r.Worst > bound && r.StoodStill >= still:
		return exitUnknown, fmt.Sprintf("the machine stood still for %v, so reads that are %v old prove nothing", r.StoodStill, r.Worst)
	case p == cache.Bounded && r.Worst > bound:
		return exitBroken, ""
	case p != cache.Bounded && (len(r.Stale) > 0 || len(r.Opinion.Broken) > 0):
		return exitBroken, ""
	case r.TooLittle() != "":
		return exitUnknown, "too little happened: " + r.TooLittle()
	}
	return exitKept, ""
}

// errSaid is an error of which the user has been told.
var errSaid = errors.New("it has been said")

// parse reads the flags. Each has a default, so none may be zero.
func parse(args []string, errs io.Writer) (cachetest.Exploration, error) {
	x := cachetest.Exploration{}
	var promise, faults string
	flags := flag.NewFlagSet("historycheck", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.DurationVar(&x.Duration, "duration", 30*time.Second, "how long to run")
	flags.IntVar(&x.Nodes, "nodes", 3, "engines")
	flags.IntVar(&x.Workers, "workers", 3, "clients of each engine")
	flags.IntVar(&x.Keys, "keys", 6, "keys")
	flags.Uint64Var(&x.Seed, "seed", uint64(time.Now().UnixNano()), "of the random choices")
	flags.BoolVar(&x.Lag, "lag", false, "let the source lag behind itself; without the faults by which Redis loses data")
	flags.BoolVar(&x.EachFault, "each", false, "go on past the duration, for two minutes at most, until each fault has come")
	flags.StringVar(&x.Topology, "topology", cachetest.Standalone, "of Redis: "+strings.Join(cachetest.Topologies(), ", "))
	flags.StringVar(&promise, "promise", "acknowledged", "bounded, acknowledged or strict")
	flags.StringVar(&faults, "faults", "", "comma-separated: "+strings.Join(cachetest.FaultNames(), ", ")+", or none (default all)")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return x, err
	} else if err != nil {
		return x, errSaid
	}
	if flags.NArg() > 0 {
		return x, fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	if x.Duration <= 0 || x.Nodes < 1 || x.Workers < 1 || x.Keys < 1 {
		return x, errors.New("-duration, -nodes, -workers and -keys must be more than zero")
	}
	promises := []cache.Promise{cache.Bounded, cache.Acknowledged, cache.Strict}
	i := slices.IndexFunc(promises, func(p cache.Promise) bool { return p.String() == promise })
	if i < 0 {
		return x, fmt.Errorf("unknown promise %q; there are bounded, acknowledged and strict", promise)
	}
	x.Promise = promises[i]
	if faults != "" {
		x.Faults = strings.Split(faults, ",")
	}
	return x, nil
}
