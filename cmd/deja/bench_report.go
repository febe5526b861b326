package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/workload"
)

// benchReport is what bench prints. Times are milliseconds, shares 0 to 100,
// money is US dollars.
type benchReport struct {
	Workload benchWorkload `json:"workload"`
	Place    string        `json:"place"`
	Off      benchFigures  `json:"cacheOff"`
	On       benchFigures  `json:"cacheOn"`
	Gains    benchGains    `json:"gains"`
	Warnings []string      `json:"warnings"`
}

// benchWorkload says what was asked.
type benchWorkload struct {
	Name     string  `json:"name"`
	Note     string  `json:"note"`
	Requests int     `json:"requests"`
	Distinct int     `json:"distinct"`
	Repeats  float64 `json:"repeats"` // share of requests whose question was asked before: the best possible hit rate
	Threads  bool    `json:"threads"` // each on a thread of its own
}

// benchFigures are those of one arm.
type benchFigures struct {
	Requests     int                    `json:"requests"`
	Failed       int                    `json:"failed"`
	Failure      string                 `json:"failure,omitempty"` // the first
	Outcomes     map[client.Outcome]int `json:"outcomes"`
	HitRate      float64                `json:"hitRate"`
	ModelCalls   int64                  `json:"modelCalls"`
	StoreQueries int64                  `json:"storeQueries"` // that read
	Mean         float64                `json:"meanMs"`
	P50          float64                `json:"p50Ms"`
	P95          float64                `json:"p95Ms"`
	P99          float64                `json:"p99Ms"`
	FirstP50     float64                `json:"firstPieceP50Ms"`
	FirstP95     float64                `json:"firstPieceP95Ms"`
	Seconds      float64                `json:"seconds"`
	Throughput   float64                `json:"requestsPerSecond"`
	PromptTokens int64                  `json:"promptTokens"` // paid for
	AnswerTokens int64                  `json:"answerTokens"` // paid for
	Cost         float64                `json:"cost"`         // at the assumed prices
}

// benchGains compare the two.
type benchGains struct {
	QueryReduction     float64 `json:"queryReduction"`
	ModelCallReduction float64 `json:"modelCallReduction"`
	HitRate            float64 `json:"hitRate"`
	SpeedupMean        float64 `json:"speedupMean"` // of the mean response time
	SpeedupP50         float64 `json:"speedupP50"`
	Throughput         float64 `json:"throughput"` // how many times more
	CostSaved          float64 `json:"costSaved"`
	CostReduction      float64 `json:"costReduction"`
}

// repeatHeavy is the share of repeats from which the promised hit rate can be
// reached at all.
const repeatHeavy = 80

func (b *benchCmd) report(w *workload.Workload, p *benchPlace, off, on *armResult) *benchReport {
	r := &benchReport{
		Workload: benchWorkload{
			Name: w.Name, Note: w.Note, Requests: len(w.Requests), Distinct: w.Distinct(), Repeats: w.Repeats(), Threads: b.Threads,
		},
		Place: p.says, Off: b.figures(off), On: b.figures(on), Warnings: []string{},
	}
	g := &r.Gains
	g.QueryReduction = lessThan(float64(on.storeQueries), float64(off.storeQueries))
	if !p.own {
		g.QueryReduction = share(on.queriesAvoided, on.storeQueries)
	}
	g.ModelCallReduction = lessThan(float64(r.On.ModelCalls), float64(r.Off.ModelCalls))
	g.HitRate = r.On.HitRate
	g.SpeedupMean, g.SpeedupP50 = times(r.Off.Mean, r.On.Mean), times(r.Off.P50, r.On.P50)
	g.Throughput = times(r.On.Throughput, r.Off.Throughput)
	g.CostSaved, g.CostReduction = r.Off.Cost-r.On.Cost, lessThan(r.On.Cost, r.Off.Cost)

	warn := func(format string, args ...any) { r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...)) }
	if r.Workload.Repeats < repeatHeavy {
		warn("only %.1f %% of these requests repeat an earlier question: no cache of answers can save more model calls than that, and the promised hit rate is out of reach", r.Workload.Repeats)
	}
	for _, arm := range []struct {
		name string
		*armResult
	}{{p.off.name, off}, {p.on.name, on}} {
		if arm.Failed > 0 {
			warn("%s: %d questions failed, the first with: %v", arm.name, arm.Failed, arm.failure)
		}
		if arm.modelSaw >= 0 && arm.modelSaw != arm.modelCalls {
			warn("%s: the server counts %d model calls, the model %d", arm.name, arm.modelCalls, arm.modelSaw)
		}
	}
	return r
}

func (b *benchCmd) figures(a *armResult) benchFigures {
	slices.Sort(a.times)
	slices.Sort(a.firsts)
	var sum time.Duration
	for _, d := range a.times {
		sum += d
	}
	f := benchFigures{
		Requests: a.Requests, Failed: a.Failed, Outcomes: a.Outcomes,
		ModelCalls: a.modelCalls, StoreQueries: a.storeQueries,
		Mean: millis(sum) / float64(len(a.times)),
		P50:  millis(quantile(a.times, 0.50)), P95: millis(quantile(a.times, 0.95)), P99: millis(quantile(a.times, 0.99)),
		FirstP50: millis(quantile(a.firsts, 0.50)), FirstP95: millis(quantile(a.firsts, 0.95)),
		Seconds: a.took.Seconds(), Throughput: float64(len(a.times)) / a.took.Seconds(),
		PromptTokens: a.prompt, AnswerTokens: a.answer,
		Cost: (float64(a.prompt)*b.PricePrompt + float64(a.answer)*b.PriceAnswer) / 1e6,
	}
	if a.modelSaw >= 0 {
		f.ModelCalls = a.modelSaw
	}
	f.HitRate = 100 * float64(a.cached()) / float64(len(a.times))
	if a.failure != nil {
		f.Failure = a.failure.Error()
	}
	return f
}

// quantile gives the smallest of the sorted values that at least q of them do
// not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	i := int(q*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// lessThan gives by how many percent a is less than b.
func lessThan(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return 100 * (b - a) / b
}

func times(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// print writes the table.
func (r *benchReport) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	row := func(name, off, on, gain, promise string) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", name, off, on, gain, promise)
	}
	count := func(n int64) string { return fmt.Sprint(n) }
	ms := func(v float64) string { return fmt.Sprintf("%.1f ms", v) }
	fewer := func(v float64) string { return fmt.Sprintf("%.1f %% %s", math.Abs(v), either(v >= 0, "fewer", "more")) }
	ratio := func(a, b float64, more, less string) string {
		if math.Abs(a-b) < 0.05*b {
			return "about the same"
		}
		return fmt.Sprintf("%.1f times %s", max(times(a, b), times(b, a)), either(a >= b, more, less))
	}
	faster := func(off, on float64) string { return ratio(off, on, "faster", "slower") }
	off, on, g := &r.Off, &r.On, &r.Gains
	fmt.Fprintln(w)
	row("", "cache off", "cache on", "gain", "promised")
	row("requests", count(int64(off.Requests)), count(int64(on.Requests)), "", "")
	row("store queries", count(off.StoreQueries), count(on.StoreQueries), fewer(g.QueryReduction), promised("70-90 %", g.QueryReduction >= 70))
	row("model calls", count(off.ModelCalls), count(on.ModelCalls), fewer(g.ModelCallReduction), "")
	row("hit rate", fmt.Sprintf("%.1f %%", off.HitRate), fmt.Sprintf("%.1f %%", on.HitRate),
		fmt.Sprintf("of %.1f %% possible", r.Workload.Repeats), promised("> 80 %", g.HitRate > 80))
	row("response time, mean", ms(off.Mean), ms(on.Mean), faster(off.Mean, on.Mean), promised("2-5 times", g.SpeedupMean >= 2))
	row("  p50", ms(off.P50), ms(on.P50), faster(off.P50, on.P50), "")
	row("  p95", ms(off.P95), ms(on.P95), faster(off.P95, on.P95), "")
	row("  p99", ms(off.P99), ms(on.P99), faster(off.P99, on.P99), "")
	row("first piece, p50", ms(off.FirstP50), ms(on.FirstP50), faster(off.FirstP50, on.FirstP50), "")
	row("throughput", fmt.Sprintf("%.1f/s", off.Throughput), fmt.Sprintf("%.1f/s", on.Throughput), ratio(on.Throughput, off.Throughput, "more", "less"), "")
	row("tokens paid", count(off.PromptTokens+off.AnswerTokens), count(on.PromptTokens+on.AnswerTokens),
		fewer(lessThan(float64(on.PromptTokens+on.AnswerTokens), float64(off.PromptTokens+off.AnswerTokens))), "")
	row("cost, at assumed prices", fmt.Sprintf("%.4f USD", off.Cost), fmt.Sprintf("%.4f USD", on.Cost), fmt.Sprintf("%.1f %% %s", math.Abs(g.CostReduction), either(g.CostReduction >= 0, "less", "more")), "")
	if err := w.Flush(); err != nil {
		return err
	}
	for _, warning := range r.Warnings {
		if _, err := fmt.Fprintf(out, "\nwarning: %s\n", warning); err != nil {
			return err
		}
	}
	return nil
}

func promised(what string, kept bool) string { return what + either(kept, ": kept", ": not kept") }

func either(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}
