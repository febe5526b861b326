package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/client"
)

// askCmd puts one question to an assistant.
type askCmd struct {
	connection `embed:""`

	Assistant string   `arg:"" help:"The assistant: its id, or its name if no other has it."`
	Question  []string `arg:"" help:"The question. Several words are joined; - reads it from standard input."`

	Thread    string `help:"Go on in this thread." placeholder:"ID" xor:"thread"`
	NewThread bool   `help:"Begin a thread, and print its id." xor:"thread"`

	NoCache      bool    `help:"Ask the model anew, and cache what it says." group:"cache"`
	NoStore      bool    `help:"Don't cache the answer. With --no-cache, leave the cache alone." group:"cache"`
	MaxAge       seconds `help:"Take no cached answer that is older." placeholder:"SECONDS" group:"cache"`
	OnlyIfCached bool    `help:"Take a cached answer or none; status 1 when there is none." group:"cache"`

	Quiet bool `short:"q" help:"Print the answer alone."`
}

// Help is the text of ask --help.
func (*askCmd) Help() string {
	return `The answer is written to standard output as it comes. Where it came from, what
each layer did, and what it took are written to standard error afterwards.

Without --thread and --new-thread nothing is kept of the conversation.

Status: 0 answered, 1 not answered, 2 wrong arguments.

  deja ask "Harbour Books" "How many books are there?"
  deja ask asst_... --new-thread - < question.txt`
}

// Validate checks what the types alone don't.
func (a *askCmd) Validate() error {
	if a.Thread != "" && !deja.ValidID(deja.ThreadPrefix, a.Thread) {
		return fmt.Errorf("--thread: %q is not the id of a thread, which begins with %s", a.Thread, deja.ThreadPrefix)
	}
	if a.OnlyIfCached && a.NoCache {
		return errors.New("--only-if-cached and --no-cache: nothing could answer that")
	}
	return nil
}

// asked is what --json prints.
type asked struct {
	AssistantID string         `json:"assistantId"`
	ThreadID    string         `json:"threadId,omitempty"`
	Question    string         `json:"question"`
	Answer      string         `json:"answer"`
	Model       string         `json:"model"`
	Outcome     client.Outcome `json:"outcome"`
	Key         string         `json:"key,omitempty"`
	AgeSeconds  float64        `json:"ageSeconds"`
	Layers      []askedLayer   `json:"layers"`
	FirstMillis float64        `json:"firstMs"` // until the first piece of the answer
	TotalMillis float64        `json:"totalMs"`
	Usage       client.Usage   `json:"usage"`
	RequestID   string         `json:"requestId,omitempty"`
	askedCost
}

// askedLayer is what one layer did for an answer.
type askedLayer struct {
	Layer  string  `json:"layer"`
	Source string  `json:"source"`
	Millis float64 `json:"ms"`
}

// maxQuestion bounds what is read from standard input.
const maxQuestion = 4 << 20

// Run asks.
func (a *askCmd) Run(ctx context.Context, t terminal) error {
	question, err := a.question(t)
	if err != nil {
		return err
	}
	api, err := a.connect()
	if err != nil {
		return err
	}
	id, err := findAssistant(ctx, api, a.Assistant)
	if err != nil {
		return a.explain(err)
	}
	began := time.Now()
	threadID, stream, err := a.begin(ctx, api, id, question)
	if err != nil {
		return a.explain(err)
	}
	out := asked{AssistantID: id, ThreadID: threadID, Question: question}
	text := t.stdout
	if a.JSON {
		text = io.Discard
	}
	ended, err := show(text, stream, func() { out.FirstMillis = millis(time.Since(began)) })
	if err != nil {
		if !a.JSON && ended != nil && ended.Text != "" {
			fmt.Fprintln(text) // the part that came is a line of its own
		}
		return a.explain(err)
	}
	out.fill(ended, time.Since(began))
	switch {
	case a.JSON:
		return printJSON(t.stdout, out)
	case a.Quiet:
		return nil
	}
	return printAsked(t.stderr, &out)
}

func (a *askCmd) question(t terminal) (string, error) {
	question := strings.Join(a.Question, " ")
	if question == "-" {
		b, err := io.ReadAll(io.LimitReader(t.stdin, maxQuestion+1))
		switch {
		case err != nil:
			return "", fmt.Errorf("the question on standard input cannot be read: %w", err)
		case len(b) > maxQuestion:
			return "", errors.New("the question on standard input is longer than 4 MiB")
		}
		question = string(b)
	}
	if question = strings.TrimSpace(question); question == "" {
		return "", usageError{errors.New("the question is empty")}
	}
	return question, nil
}

// begin asks, in a thread or outside of all.
func (a *askCmd) begin(ctx context.Context, api *client.Client, id, question string) (string, *client.Stream, error) {
	steer := a.steering()
	threadID := a.Thread
	if a.NewThread {
		thread, err := api.CreateThread(ctx)
		if err != nil {
			return "", nil, err
		}
		threadID = thread.ID
	}
	if threadID == "" {
		stream, err := api.Ask(ctx, id, question, steer...)
		return "", stream, err
	}
	if _, err := api.AddMessage(ctx, threadID, question); err != nil {
		return threadID, nil, err
	}
	stream, err := api.Run(ctx, threadID, id, steer...)
	return threadID, stream, err
}

func (a *askCmd) steering() []client.CallOption {
	var directives []string
	if a.NoCache {
		directives = append(directives, "no-cache")
	}
	if a.NoStore {
		directives = append(directives, "no-store")
	}
	if a.MaxAge > 0 {
		directives = append(directives, fmt.Sprintf("max-age=%d", int64(time.Duration(a.MaxAge).Seconds())))
	}
	if a.OnlyIfCached {
		directives = append(directives, "only-if-cached")
	}
	if directives == nil {
		return nil
	}
	return []client.CallOption{client.CacheControl(strings.Join(directives, ", "))}
}

// show writes an answer as it comes, calls first at its first piece, and ends
// it with a line break.
func show(w io.Writer, stream *client.Stream, first func()) (*client.Answer, error) {
	for ev, err := range stream.Events() {
		if err != nil {
			return stream.Answer(), err
		}
		if ev.Text == "" {
			continue
		}
		if first != nil {
			first()
			first = nil
		}
		if _, err := io.WriteString(w, ev.Text); err != nil {
			return nil, err
		}
	}
	answer := stream.Answer()
	if strings.HasSuffix(answer.Text, "\n") {
		return answer, nil
	}
	_, err := fmt.Fprintln(w)
	return answer, err
}

func (out *asked) fill(a *client.Answer, took time.Duration) {
	out.Answer, out.Model, out.Usage = a.Text, a.Model, a.Usage
	out.Outcome, out.Key, out.AgeSeconds, out.RequestID = a.Outcome, a.Key, a.Age.Seconds(), a.RequestID
	out.TotalMillis = millis(took)
	out.Layers = []askedLayer{}
	for _, s := range a.Timing {
		out.Layers = append(out.Layers, askedLayer{Layer: s.Name, Source: s.Description, Millis: millis(s.Duration)})
	}
	out.askedCost = costOf(a)
}

// printAsked says where an answer came from.
func printAsked(w io.Writer, out *asked) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab)
	for _, l := range out.Layers {
		fmt.Fprintf(tab, "%s\t%s\t%.2f ms\n", l.Layer, l.Source, l.Millis)
	}
	age := ""
	if out.AgeSeconds > 0 {
		age = fmt.Sprintf(", %s old", time.Duration(out.AgeSeconds*float64(time.Second)).Round(time.Second))
	}
	fmt.Fprintf(tab, "outcome\t%s%s\n", out.Outcome, age)
	fmt.Fprintf(tab, "time\t%.1f ms, the first piece after %.1f ms\n", out.TotalMillis, out.FirstMillis)
	by := ""
	if out.Model != "" && out.Model != out.AssistantID {
		by = ", by " + out.Model
	}
	fmt.Fprintf(tab, "tokens\t%d read, %d written%s\n", out.Usage.PromptTokens, out.Usage.CompletionTokens, by)
	if cost := out.askedCost.String(); cost != "" {
		fmt.Fprintf(tab, "cost\t%s\n", cost)
	}
	if out.ThreadID != "" {
		fmt.Fprintf(tab, "thread\t%s\n", out.ThreadID)
	}
	return tab.Flush()
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
