package workload

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var mix = Mix{Questions: 10, Assistants: 2, Exponent: 1, Seed: 7}

func TestZipf(t *testing.T) {
	t.Parallel()
	w, err := Zipf(10_000, Mix{Questions: 50, Assistants: 3, Exponent: 1, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	counts := make([]float64, 50)
	for _, r := range w.Requests {
		counts[r.Question]++
		if r.Assistant != r.Question%3 {
			t.Fatalf("question %d is asked of assistant %d", r.Question, r.Assistant)
		}
	}
	// Rank k is asked 1/k as often as the first: within five standard deviations.
	harmonic := 0.0
	for k := range counts {
		harmonic += 1 / float64(k+1)
	}
	for k, got := range counts {
		want := 10_000 / float64(k+1) / harmonic
		if math.Abs(got-want) > 5*math.Sqrt(want) {
			t.Errorf("rank %d is asked %g times, want about %.0f", k+1, got, want)
		}
	}
	if w.Distinct() != 50 || w.Repeats() != 99.5 || w.Timed {
		t.Errorf("%d distinct, %g repeats", w.Distinct(), w.Repeats())
	}
	again, _ := Zipf(10_000, Mix{Questions: 50, Assistants: 3, Exponent: 1, Seed: 1})
	if d := cmp.Diff(w, again); d != "" {
		t.Error("the same seed draws other questions")
	}
	other, _ := Zipf(10_000, Mix{Questions: 50, Assistants: 3, Exponent: 1, Seed: 2})
	if cmp.Equal(w.Requests, other.Requests) {
		t.Error("another seed draws the same questions")
	}
	even, _ := Zipf(10_000, Mix{Questions: 2, Assistants: 1})
	n := 0
	for _, r := range even.Requests {
		n += r.Question
	}
	if n < 4700 || n > 5300 {
		t.Errorf("exponent 0: %d of 10000 for one of two", n)
	}
}

func TestZipfRefuses(t *testing.T) {
	t.Parallel()
	for _, m := range []Mix{
		{},
		{Questions: 1},
		{Assistants: 1},
		{Questions: -1, Assistants: 1},
		{Questions: 1, Assistants: 1, Exponent: -1},
		{Questions: 1, Assistants: 1, Exponent: math.NaN()},
		{Questions: 1, Assistants: 1, Exponent: math.Inf(1)},
		{Questions: 1, Assistants: 1001},
	} {
		if _, err := Zipf(1, m); err == nil {
			t.Errorf("%+v is taken", m)
		}
		if _, err := Read(strings.NewReader(azureHeader), m); err == nil {
			t.Errorf("%+v is taken for a trace", m)
		}
	}
	if _, err := Zipf(0, mix); err == nil {
		t.Error("no requests")
	}
}

func TestAzure(t *testing.T) {
	t.Parallel()
	w, err := Read(strings.NewReader(azureHeader+"\r\n2023-11-16 18:17:04.0319600,3180,8\r\n2023-11-16 18:17:03.9799600,4808,10\n\n2023-11-16 18:17:05,110,27"), mix)
	if err != nil {
		t.Fatal(err)
	}
	var at []time.Duration
	for _, r := range w.Requests {
		at = append(at, r.At)
	}
	if d := cmp.Diff([]time.Duration{0, 52 * time.Millisecond, 1020*time.Millisecond + 40*time.Microsecond}, at); d != "" {
		t.Error(d)
	}
	if w.Requests[0].Size != (Size{4808, 10}) || !w.Timed || !strings.Contains(w.Note, "composed") {
		t.Errorf("%+v", w)
	}
	// The questions are those of the mix.
	z, _ := Zipf(3, mix)
	numbers := map[int]bool{}
	for i := range z.Requests {
		numbers[z.Requests[i].Question] = true
	}
	for _, r := range w.Requests {
		if !numbers[r.Question] {
			t.Errorf("question %d is not of the mix", r.Question)
		}
	}
}

func TestMooncake(t *testing.T) {
	t.Parallel()
	w, err := Read(strings.NewReader(`{"timestamp": 100, "input_length": 600, "output_length": 6, "hash_ids": [3, 1]}
{"timestamp": 50, "input_length": 600, "output_length": 7, "hash_ids": [3, 2]}

{"timestamp": 350, "input_length": 601, "output_length": 8, "hash_ids": [3, 1]}
{"timestamp": 350, "input_length": 512, "output_length": 9, "hash_ids": [4]}`), mix)
	if err != nil {
		t.Fatal(err)
	}
	want := []Request{
		{Assistant: 1, Question: 1, At: 0, Size: Size{600, 7}},
		{Assistant: 1, Question: 0, At: 50 * time.Millisecond, Size: Size{600, 6}},
		{Assistant: 1, Question: 0, At: 300 * time.Millisecond, Size: Size{600, 6}}, // the same question: the same size
		{Assistant: 0, Question: 2, At: 300 * time.Millisecond, Size: Size{512, 9}},
	}
	if d := cmp.Diff(want, w.Requests); d != "" {
		t.Error(d)
	}
	if w.Distinct() != 3 || w.Repeats() != 25 {
		t.Errorf("%d distinct, %g repeats", w.Distinct(), w.Repeats())
	}
	w.First(2)
	if w.Distinct() != 2 || w.Repeats() != 0 {
		t.Errorf("the first two: %d distinct, %g repeats", w.Distinct(), w.Repeats())
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":            "",
		"another file":       "a,b,c\n1,2,3\n",
		"a header alone":     azureHeader + "\n",
		"too few fields":     azureHeader + "\n2023-11-16 18:17:03,1\n",
		"no time":            azureHeader + "\nyesterday,1,2\n",
		"no number":          azureHeader + "\n2023-11-16 18:17:03,x,2\n",
		"negative":           azureHeader + "\n2023-11-16 18:17:03,1,-2\n",
		"longer than a year": azureHeader + "\n2020-11-16 18:17:03,1,2\n2023-11-16 18:17:03,1,2\n",
		"half an object":     `{"timestamp":`,
		"another object":     `{"hash_ids":[1]}`,
		"no blocks":          `{"timestamp":1,"hash_ids":[]}`,
		"negative block":     `{"timestamp":1,"hash_ids":[-1]}`,
		"negative length":    `{"timestamp":1,"input_length":-1,"hash_ids":[1]}`,
		"far in the future":  `{"timestamp":9223372036854775807,"hash_ids":[1]}`,
		"garbage behind":     `{"timestamp":1,"hash_ids":[1]}` + "\nx",
		"a line too long":    azureHeader + "\n" + strings.Repeat("1", maxLine+1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if w, err := Read(strings.NewReader(text), mix); err == nil {
				t.Errorf("%+v", w)
			}
		})
	}
	if _, err := Read(strings.NewReader("x"), mix); !errors.Is(err, ErrFormat) {
		t.Errorf("%v", err)
	}
}

// TestPublishedTraces reads the traces themselves, where they are.
func TestPublishedTraces(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]struct {
		requests, repeats int
		span              time.Duration
	}{
		"AzureLLMInferenceTrace_code.csv": {8819, -1, 57*time.Minute + 15*time.Second + 948056*time.Microsecond},
		"synthetic_trace.jsonl":           {3993, 213, 1022025 * time.Millisecond},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "traces", file))
			if err != nil {
				t.Skipf("the published trace is not beside the repository: %v", err)
			}
			defer f.Close()
			w, err := Read(f, Mix{Questions: 1000, Assistants: 5, Exponent: 1, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			if got := len(w.Requests); got != want.requests {
				t.Errorf("%d requests", got)
			}
			if got := len(w.Requests) - w.Distinct(); want.repeats >= 0 && got != want.repeats {
				t.Errorf("%d repeats", got)
			}
			if got := w.Requests[len(w.Requests)-1].At; got != want.span {
				t.Errorf("it lasts %s", got)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add(azureHeader + "\n2023-11-16 18:17:03.9799600,4808,10\n")
	f.Add(`{"timestamp": 0, "input_length": 40160, "output_length": 6, "hash_ids": [0, 1]}` + "\n" + `{"timestamp": 0, "hash_ids": [0, 1]}`)
	f.Add("{}")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := Read(strings.NewReader(text), mix)
		if err != nil {
			return
		}
		if len(w.Requests) == 0 || w.Assistants != 2 || w.Requests[0].At != 0 {
			t.Fatalf("%+v", w)
		}
		sizes := map[int]Size{}
		var before time.Duration
		for _, r := range w.Requests {
			if r.Assistant < 0 || r.Assistant >= w.Assistants || r.At < before || r.Size.Answer < 0 || r.Question < 0 {
				t.Errorf("%+v", r)
			}
			before = r.At
			if size, seen := sizes[r.Question]; seen && size != r.Size {
				t.Errorf("question %d has two sizes", r.Question)
			}
			sizes[r.Question] = r.Size
		}
		if d := w.Distinct(); d < 1 || d > len(w.Requests) {
			t.Errorf("%d distinct of %d", d, len(w.Requests))
		}
	})
}
