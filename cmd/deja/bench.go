package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/workload"
)

// benchCmd replays a workload with the caches off and on.
type benchCmd struct {
	Trace       string        `help:"Replay this trace instead of a made-up mix: an Azure LLM inference trace (CSV) or a Mooncake trace (JSON lines)." type:"existingfile" placeholder:"FILE" group:"workload"`
	Requests    int           `help:"How many questions are asked, each time. Default 2000, or all of a trace." placeholder:"N" group:"workload"`
	Questions   int           `help:"How many different questions the mix has." default:"300" group:"workload"`
	Assistants  int           `help:"How many assistants are asked." default:"5" group:"workload"`
	Exponent    float64       `help:"How unevenly questions are asked: of rank k in proportion to 1/k^EXPONENT." default:"1" group:"workload"`
	Seed        uint64        `help:"Equal seeds ask equal questions." default:"1" group:"workload"`
	Threads     bool          `help:"Ask each question on a thread of its own, instead of as a chat completion." group:"workload"`
	Concurrency int           `help:"How many are asked at the same time, at most." default:"32" group:"workload"`
	Speed       float64       `help:"Keep to the times of the trace, so many times faster." placeholder:"X" group:"workload" xor:"pace"`
	Rate        float64       `help:"Ask so many questions per second. Default: one after the other, without pauses." placeholder:"N" group:"workload" xor:"pace"`
	Duration    seconds       `help:"Ask for so long with the caches off, then the same questions with them on." placeholder:"SECONDS" group:"workload"`
	Latency     time.Duration `help:"How long the simulated model takes to its first token." default:"200ms" group:"model"`
	TokenRate   float64       `help:"Tokens per second of the simulated model." default:"200" group:"model"`
	PricePrompt float64       `help:"Assumed price of a million prompt tokens, in US dollars." default:"2.5" group:"model"`
	PriceAnswer float64       `help:"Assumed price of a million answer tokens, in US dollars." default:"10" group:"model"`

	Server string      `help:"A running server to ask, instead of nodes and a model of its own." placeholder:"URL" group:"server"`
	APIKey deja.Secret `name:"api-key" help:"Key to send, if the server wants one." env:"DEJA_API_KEY" placeholder:"KEY" group:"server"`
	Model  string      `help:"The model of the assistants that are made on the server." group:"server"`
	Yes    bool        `short:"y" help:"Don't ask whether the model server's bill is meant." group:"server"`

	JSON bool `name:"json" help:"Print JSON instead of a table."`
}

// Help is the text of bench --help.
func (*benchCmd) Help() string {
	return `Without --server, two nodes are started in this process, one with every cache
off (--cache=off) and one with them on, each with an embedded store, and a
simulated model that takes its time; nothing leaves the machine.

With --server, assistants are made there and deleted afterwards. Off means then
that answers are not cached (policy off); what the server reads of assistants
and schemas stays cached, and its query reduction is the one that it counts
itself, other clients' traffic included. This asks a real model, which may cost
money: it wants --yes, unless the built-in model answers on this machine.

Traces say when something was asked, and how large it was, never what. Requests
of a Mooncake trace are the same question if all blocks of their prompts are the
same. An Azure trace doesn't tell that, so its questions are drawn from the mix.
How often questions repeat decides what a cache can save.

Without --rate and --speed the next question is asked as soon as one of
--concurrency is answered. With the caches on that is much more often, so the
response times are then those under a much higher load.

Status: 0 done, 1 questions failed, 2 wrong arguments.

  deja bench
  deja bench --exponent 0.6 --questions 1000
  deja bench --trace AzureLLMInferenceTrace_code.csv --requests 4000`
}

const defaultRequests = 2000

// Validate checks what the types alone don't.
func (b *benchCmd) Validate() error {
	switch {
	case b.Requests < 0 || b.Requests > 1_000_000:
		return errors.New("--requests: from 1 to 1000000")
	case b.Concurrency < 1 || b.Concurrency > 1000:
		return errors.New("--concurrency: from 1 to 1000")
	case b.Assistants > 100:
		return errors.New("--assistants: at most 100")
	case !(b.Speed >= 0) || b.Speed > 0 && b.Trace == "":
		return errors.New("--speed: a positive number, and only with --trace")
	case !(b.Rate >= 0):
		return errors.New("--rate: above 0")
	case b.Latency < 0 || b.Latency > time.Hour:
		return errors.New("--latency: from 0 to an hour")
	case !(b.TokenRate > 0):
		return errors.New("--token-rate: above 0")
	case !(b.PricePrompt >= 0) || !(b.PriceAnswer >= 0):
		return errors.New("--price-prompt and --price-answer: they cannot be negative")
	case b.Server != "" && b.Model == "":
		return errors.New("--model: say which model the assistants on the server shall have")
	case b.Server == "" && b.Model != "":
		return errors.New("--model: only with --server; without, a simulated model answers")
	}
	return nil
}

// Run replays the workload twice and compares.
func (b *benchCmd) Run(ctx context.Context, t terminal) error {
	w, err := b.workload()
	if err != nil {
		return err
	}
	show := t.stderr
	if b.JSON {
		show = io.Discard
	}
	place, err := b.open(ctx, w, t)
	if err != nil {
		return err
	}
	report, err := b.compare(ctx, w, place, show)
	if err := errors.Join(err, place.close()); err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		return err
	}
	if b.JSON {
		err = printJSON(t.stdout, report)
	} else {
		err = report.print(t.stdout)
	}
	if err == nil && report.Off.Failed+report.On.Failed > 0 {
		return exitStatus(exitError)
	}
	return err
}

func (b *benchCmd) workload() (*workload.Workload, error) {
	mix := workload.Mix{Questions: b.Questions, Assistants: b.Assistants, Exponent: b.Exponent, Seed: b.Seed}
	if b.Trace == "" {
		n := b.Requests
		if n == 0 {
			n = defaultRequests
		}
		w, err := workload.Zipf(n, mix)
		if err != nil {
			return nil, usageError{err}
		}
		return w, nil
	}
	f, err := os.Open(b.Trace)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	w, err := workload.Read(f, mix)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Trace, err)
	}
	if b.Requests > 0 {
		w.First(b.Requests)
	}
	return w, nil
}

// pace gives the requests the times at which they are asked, and by how much
// those are shortened; 0: there are none.
func (b *benchCmd) pace(w *workload.Workload) float64 {
	if b.Rate == 0 {
		return b.Speed
	}
	for i := range w.Requests {
		w.Requests[i].At = time.Duration(float64(i) / b.Rate * float64(time.Second))
	}
	return 1
}

// compare asks everything with the caches off, then with them on.
func (b *benchCmd) compare(ctx context.Context, w *workload.Workload, place *benchPlace, show io.Writer) (*benchReport, error) {
	fmt.Fprintf(show, "%s\n%s\n%d requests, %.1f %% of them repeats; %s\n", w.Name, w.Note, len(w.Requests), w.Repeats(), place.says)
	r := &replay{requests: w.Requests, concurrency: b.Concurrency, speed: b.pace(w), threads: b.Threads, show: show, duration: time.Duration(b.Duration)}
	off, err := r.run(ctx, &place.off)
	if err != nil {
		return nil, fmt.Errorf("with the cache off: %w", err)
	}
	w.First(off.Requests)
	r.requests, r.duration = w.Requests, 0
	on, err := r.run(ctx, &place.on)
	if err != nil {
		return nil, fmt.Errorf("with the cache on: %w", err)
	}
	return b.report(w, place, off, on), nil
}
