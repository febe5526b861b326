package measure

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
	answers, err := answersOf(filepath.Join(filepath.Dir(keys), "chats/mt-bench/reference_answer_gpt-4.jsonl"))
	if err != nil {
		return nil, err
	}
	others, err := joinedDocuments(keys, 1, 1)
	if err != nil {
		return nil, err
	}
	return append([]documents{{"answer", answers, func() any { return new(deja.Answer) }}}, others...), nil
}

// joinedDocuments makes larger conversations and schemas: of several dialogues
// that follow each other, and of assistants with several tables.
func joinedDocuments(keys string, dialogues, tables int) ([]documents, error) {
	if keys == "" {
		return nil, ErrNoData
	}
	root := filepath.Dir(keys)
	threads, err := threadsOf(filepath.Join(root, "chats/sgd/dev/dialogues_001.json.gz"), dialogues)
	if err != nil {
		return nil, err
	}
	schemas, err := schemasOf(filepath.Join(root, "tables"), tables)
	if err != nil {
		return nil, err
	}
	return []documents{
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

// turn is what one speaker of a dialogue said at once.
type turn struct{ Speaker, Utterance string }

// threadsOf reads conversations of the Schema-Guided Dialogue corpus, each of
// so many of its dialogues.
func threadsOf(name string, dialogues int) (all []any, err error) {
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var corpus []struct{ Turns []turn }
	if err := json.NewDecoder(unzipped).Decode(&corpus); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for part := range slices.Chunk(corpus, dialogues) {
		var turns []turn
		for _, d := range part {
			turns = append(turns, d.Turns...)
		}
		all = append(all, threadOf(len(all), turns))
	}
	return all, nil
}

func threadOf(number int, turns []turn) *deja.ThreadContext {
	thread := &deja.ThreadContext{ThreadID: fmt.Sprintf("thread_%020d", number), Seq: int64(len(turns))}
	for i, t := range turns {
		role := deja.Role("user")
		if t.Speaker == "SYSTEM" {
			role = "assistant"
		}
		part := deja.Part{Type: "text", Text: t.Utterance}
		thread.Messages = append(thread.Messages, deja.Message{
			ID: fmt.Sprintf("msg_%010d%010d", number, i), ThreadID: thread.ThreadID, Seq: int64(i + 1), Role: role, Content: []deja.Part{part}, Version: 1,
		})
	}
	return thread
}

// schemasOf extracts the schemas of assistants that have so many public CSV
// files each.
func schemasOf(folder string, tables int) (all []any, err error) {
	var sources []deja.DataSource
	err = filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(name) != ".csv" {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := schema.Open(context.Background(), bytes.NewReader(b), int64(len(b)), schema.Options{Name: filepath.Base(name)})
		if err != nil {
			return nil // some are no tables
		}
		id := strings.TrimSuffix(filepath.Base(name), ".csv")
		sources = append(sources, deja.DataSource{ID: "src_" + id, Name: id, Tables: file.Tables()})
		return nil
	})
	if os.IsNotExist(err) || err == nil && len(sources) == 0 {
		return nil, ErrNoData
	}
	if err != nil {
		return nil, err
	}
	for part := range slices.Chunk(sources, tables) {
		s := schema.Assemble("asst_"+part[0].Name, 1, part)
		all = append(all, &s)
	}
	return all, nil
}
