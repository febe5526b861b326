// Package workload says what a replay asks: made-up mixes in which some
// questions are asked much more often than others, and traces of what others
// were asked.
//
// No public trace of a language model tells what was asked and by whom. So
// each Workload has a Note that says what in it was recorded and what was
// composed here, and whoever prints figures has to print that too.
package workload

import (
	"fmt"
	"time"
)

// Request is one question.
type Request struct {
	Assistant int           // from 0 up to Workload.Assistants - 1
	Question  int           // its number: equal numbers are equal questions
	At        time.Duration // since the first request; 0 when there are no times
	Size      Size
}

// Text is the question in words. Equal questions of equal assistants have
// equal texts, others others.
func (r Request) Text() string {
	return fmt.Sprintf("What is there to know about item number %d?", r.Question)
}

// Size is how large a question and its answer are, in tokens.
type Size struct{ Prompt, Answer int }

// Workload is what is asked, in order.
type Workload struct {
	Name       string
	Note       string // what was recorded, and what was made up
	Assistants int
	Requests   []Request
	Timed      bool // the times of the requests were recorded
}

// Distinct counts the questions that differ from all before them.
func (w *Workload) Distinct() int {
	type question struct{ assistant, number int }
	seen := make(map[question]struct{})
	for _, r := range w.Requests {
		seen[question{r.Assistant, r.Question}] = struct{}{}
	}
	return len(seen)
}

// Repeats gives the share of requests, from 0 to 100, whose question was
// asked before: the best hit rate that a cache which begins empty can have.
func (w *Workload) Repeats() float64 {
	if len(w.Requests) == 0 {
		return 0
	}
	return 100 * float64(len(w.Requests)-w.Distinct()) / float64(len(w.Requests))
}

// First keeps the first n requests, if there are more.
func (w *Workload) First(n int) { w.Requests = w.Requests[:min(n, len(w.Requests))] }

// alikeSizes gives each question the size that it had at first, because equal
// questions have equal answers.
func (w *Workload) alikeSizes() {
	first := make(map[int]Size)
	for i := range w.Requests {
		r := &w.Requests[i]
		size, seen := first[r.Question]
		if !seen {
			size = r.Size
			first[r.Question] = size
		}
		r.Size = size
	}
}
