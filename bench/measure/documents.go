package measure

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/schema"
)

// documents are values of one kind of those that deja caches, made of texts
// and tables of others.
type documents struct {
	kind   string
	values []any
	fresh  func() any // something to decode into
}

// realDocuments reads answers, conversations and schemas from the folder that
// also has the key traces.
func realDocuments(keys string) ([]documents, error) {
	if keys == "" {
		return nil, ErrNoData
	}
	root := filepath.Dir(keys)
	answers, err := answersOf(filepath.Join(root, "chats/mt-bench/reference_answer_gpt-4.jsonl"))
	if err != nil {
		return nil, err
	}
	threads, err := threadsOf(filepath.Join(root, "chats/sgd/dev/dialogues_001.json.gz"))
	if err != nil {
		return nil, err
	}
	schemas, err := schemasOf(filepath.Join(root, "tables"))
	if err != nil {
		return nil, err
	}
	return []documents{
		{"answer", answers, func() any { return new(deja.Answer) }},
		{"conversation", threads, func() any { return new(deja.ThreadContext) }},
		{"schema", schemas, func() any { return new(deja.Schema) }},
	}, nil
}

func open(name string) (*os.File, error) {
	f, err := os.Open(name)
	if os.IsNotExist(err) {
		return nil, ErrNoData
	}
	return f, err
}

// answersOf reads what a model answered to questions of MT-Bench.
func answersOf(name string) (all []any, err error) {
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Choices []struct{ Turns []string }
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, c := range line.Choices {
			for _, text := range c.Turns {
				all = append(all, &deja.Answer{Text: text, Model: "gpt-4", FinishReason: "stop", ModelCalls: 1, Queries: 3})
			}
		}
	}
	return all, lines.Err()
}

// threadsOf reads conversations of the Schema-Guided Dialogue corpus.
func threadsOf(name string) (all []any, err error) {
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var dialogues []struct {
		Turns []struct{ Speaker, Utterance string }
	}
	if err := json.NewDecoder(unzipped).Decode(&dialogues); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for i, d := range dialogues {
		thread := &deja.ThreadContext{ThreadID: fmt.Sprintf("thread_%020d", i), Seq: int64(len(d.Turns))}
		for j, t := range d.Turns {
			role := deja.Role("user")
			if t.Speaker == "SYSTEM" {
				role = "assistant"
			}
			part := deja.Part{Type: "text", Text: t.Utterance}
			thread.Messages = append(thread.Messages, deja.Message{
				ID: fmt.Sprintf("msg_%010d%010d", i, j), ThreadID: thread.ThreadID, Seq: int64(j + 1), Role: role, Content: []deja.Part{part}, Version: 1,
			})
		}
		all = append(all, thread)
	}
	return all, nil
}

// schemasOf extracts the schemas of public CSV files.
func schemasOf(folder string) (all []any, err error) {
	names, err := filepath.Glob(filepath.Join(folder, "*", "*.csv"))
	if err != nil || len(names) == 0 {
		return nil, ErrNoData
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		file, err := schema.Open(context.Background(), bytes.NewReader(b), int64(len(b)), schema.Options{Name: filepath.Base(name)})
		if err != nil {
			continue // the golden files are among them
		}
		id := strings.TrimSuffix(filepath.Base(name), ".csv")
		s := schema.Assemble("asst_"+id, 1, []deja.DataSource{{ID: "src_" + id, Name: id, Tables: file.Tables()}})
		all = append(all, &s)
	}
	return all, nil
}
