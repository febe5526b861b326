package workload

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Mix says which questions are asked how often: that of rank k with a
// probability proportional to 1/k^Exponent (Zipf's law). Queries to search
// engines and sites have exponents from 0.6 to 1 (Breslau et al., "Web
// Caching and Zipf-like Distributions", INFOCOM 1999).
type Mix struct {
	Questions  int     // how many different ones there are
	Assistants int     // among which they are dealt out in turn
	Exponent   float64 // 0: all are asked equally often
	Seed       uint64  // equal seeds draw equal questions
}

func (m Mix) check() error {
	switch {
	case m.Questions < 1 || m.Questions > maxRequests:
		return fmt.Errorf("workload: questions: from 1 to %d", maxRequests)
	case m.Assistants < 1 || m.Assistants > 1000:
		return errors.New("workload: assistants: from 1 to 1000")
	case !(m.Exponent >= 0 && m.Exponent <= 10): // NaN too
		return errors.New("workload: exponent: from 0 to 10")
	}
	return nil
}

// draw gives a function that draws the number of a question.
func (m Mix) draw() func() int {
	random := rand.New(rand.NewPCG(m.Seed, 0x64656a61)) //nolint:gosec // it has to be repeatable
	upTo := make([]float64, m.Questions)
	var sum float64
	for k := range upTo {
		sum += math.Pow(float64(k+1), -m.Exponent)
		upTo[k] = sum
	}
	return func() int {
		k, _ := slices.BinarySearch(upTo, random.Float64()*sum)
		return min(k, m.Questions-1)
	}
}

// Zipf draws n questions from a mix. Answers have 20 to 100 tokens, prompts
// 200 to 1000.
func Zipf(n int, m Mix) (*Workload, error) {
	if n < 1 || n > maxRequests {
		return nil, fmt.Errorf("workload: requests: from 1 to %d", maxRequests)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	w := &Workload{
		Name:       fmt.Sprintf("Zipf mix: %d questions, exponent %g, seed %d", m.Questions, m.Exponent, m.Seed),
		Note:       "made up: which questions are asked, and their sizes",
		Assistants: m.Assistants,
		Requests:   make([]Request, n),
	}
	next := m.draw()
	for i := range w.Requests {
		q := next()
		w.Requests[i] = Request{Assistant: q % m.Assistants, Question: q, Size: Size{Prompt: 200 + q*37%801, Answer: 20 + q*13%81}}
	}
	return w, nil
}
