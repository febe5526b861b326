package workload

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxRequests = 1_000_000
	maxLine     = 4 << 20
	maxTokens   = 10_000_000
	maxSpan     = 366 * 24 * time.Hour
)

// ErrFormat is given for what is neither of the known traces.
var ErrFormat = errors.New("workload: neither an Azure LLM inference trace (CSV with TIMESTAMP,ContextTokens,GeneratedTokens) nor a Mooncake trace (JSON lines with timestamp, hash_ids ...)")

const azureHeader = "TIMESTAMP,ContextTokens,GeneratedTokens"

// Read reads a trace whose format it finds out.
//
// An Azure LLM inference trace has a line for each request with its time and
// the tokens of its prompt and answer, and nothing that would tell requests
// apart. Which question is which is therefore drawn from the mix: the
// workload is composed.
//
// A Mooncake trace (FAST '25) names each 512-token block of a prompt by a
// number; equal numbers are equal blocks behind equal prompts. Requests are
// the same question if and only if all their blocks are the same. The first
// block, which holds the system prompt, decides the assistant; of the mix
// only the number of assistants is used.
func Read(r io.Reader, m Mix) (*Workload, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	if !lines.Scan() {
		return nil, cmpErr(lines.Err(), ErrFormat)
	}
	first := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
	var w *Workload
	var err error
	switch {
	case first == azureHeader:
		w, err = readAzure(lines, m)
	case strings.HasPrefix(first, "{"):
		w, err = readMooncake(lines, m)
	default:
		return nil, ErrFormat
	}
	if err = cmpErr(err, lines.Err()); err != nil {
		return nil, err
	}
	if len(w.Requests) == 0 {
		return nil, errors.New("workload: the trace has no requests")
	}
	w.Assistants, w.Timed = m.Assistants, true
	return w, w.inOrder()
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// inOrder sorts the requests by time and makes the first time 0.
func (w *Workload) inOrder() error {
	slices.SortStableFunc(w.Requests, func(a, b Request) int { return int(min(max(a.At-b.At, -1), 1)) })
	first := w.Requests[0].At
	for i := range w.Requests {
		w.Requests[i].At -= first
		if w.Requests[i].At < 0 || w.Requests[i].At > maxSpan {
			return errors.New("workload: the trace is longer than a year")
		}
	}
	w.alikeSizes()
	return nil
}

func readAzure(lines *bufio.Scanner, m Mix) (*Workload, error) {
	w := &Workload{
		Name: "Azure LLM inference trace",
		Note: fmt.Sprintf("composed: times and sizes are recorded; the trace doesn't say what was asked, so the questions are drawn from a Zipf mix (%d questions, exponent %g, seed %d), each with the size that it had at first",
			m.Questions, m.Exponent, m.Seed),
	}
	next := m.draw()
	for n := 2; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		at, size, err := azureLine(line)
		if err != nil || len(w.Requests) == maxRequests {
			return nil, fmt.Errorf("workload: line %d: %w", n, cmpErr(err, errTooMany))
		}
		q := next()
		w.Requests = append(w.Requests, Request{Assistant: q % m.Assistants, Question: q, At: at, Size: size})
	}
	return w, nil
}

var errTooMany = fmt.Errorf("more than %d requests", maxRequests)

func azureLine(line string) (time.Duration, Size, error) {
	fields := strings.Split(line, ",")
	if len(fields) != 3 {
		return 0, Size{}, errors.New("three fields are expected")
	}
	at, err := time.Parse("2006-01-02 15:04:05.9999999", fields[0])
	if err != nil || at.Year() < 1970 || at.Year() > 2200 {
		return 0, Size{}, fmt.Errorf("%.40q is not a time", fields[0])
	}
	var size Size
	for i, to := range []*int{&size.Prompt, &size.Answer} {
		if *to, err = strconv.Atoi(fields[i+1]); err != nil || *to < 0 || *to > maxTokens {
			return 0, Size{}, fmt.Errorf("%.40q is not a number of tokens", fields[i+1])
		}
	}
	return at.Sub(time.Unix(0, 0)), size, nil
}

func readMooncake(lines *bufio.Scanner, m Mix) (*Workload, error) {
	w := &Workload{
		Name: "Mooncake trace",
		Note: "recorded: times, sizes, and which prompts are the same (all 512-token blocks equal); prompts themselves are not in the trace, so each stands for a short question",
	}
	numbers := make(map[string]int)
	for n, more := 1, true; more; n, more = n+1, lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		r, blocks, err := mooncakeLine(line)
		if err != nil || len(w.Requests) == maxRequests {
			return nil, fmt.Errorf("workload: line %d: %w", n, cmpErr(err, errTooMany))
		}
		identity := fmt.Sprint(blocks)
		q, known := numbers[identity]
		if !known {
			q = len(numbers)
			numbers[identity] = q
		}
		r.Question, r.Assistant = q, int(blocks[0]%int64(m.Assistants))
		w.Requests = append(w.Requests, r)
	}
	return w, nil
}

func mooncakeLine(line []byte) (Request, []int64, error) {
	var row struct {
		Timestamp    *int64  `json:"timestamp"` // ms
		InputLength  int     `json:"input_length"`
		OutputLength int     `json:"output_length"`
		HashIDs      []int64 `json:"hash_ids"`
	}
	if json.Unmarshal(line, &row) != nil || row.Timestamp == nil {
		return Request{}, nil, errors.New("not a JSON object with timestamp, input_length, output_length and hash_ids")
	}
	switch {
	case *row.Timestamp < 0 || *row.Timestamp > maxSpan.Milliseconds():
		return Request{}, nil, fmt.Errorf("the timestamp %d is not within a year", *row.Timestamp)
	case row.InputLength < 0 || row.InputLength > maxTokens || row.OutputLength < 0 || row.OutputLength > maxTokens:
		return Request{}, nil, errors.New("a length is negative or too large")
	case len(row.HashIDs) == 0 || slices.Min(row.HashIDs) < 0:
		return Request{}, nil, errors.New("hash_ids must be numbers from 0, at least one")
	}
	r := Request{At: time.Duration(*row.Timestamp) * time.Millisecond, Size: Size{Prompt: row.InputLength, Answer: row.OutputLength}}
	return r, row.HashIDs, nil
}
