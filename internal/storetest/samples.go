package storetest

import (
	"encoding/json"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/dejahq/deja"
)

// sampleTime has parts of a millisecond and a zone, neither of which is kept.
func sampleTime() time.Time {
	return time.Date(2026, 3, 29, 2, 30, 15, 123_456_789, time.FixedZone("somewhere", 5*3600+1800))
}

// sampleAssistant gives an assistant with every field set that CreateAssistant
// keeps.
func sampleAssistant() *deja.Assistant {
	return &deja.Assistant{
		ID:           deja.NewID(deja.AssistantPrefix),
		CreatedAt:    sampleTime(),
		Name:         `Ümläut "quoted" 😀`,
		Description:  "It's described.\nOn two lines.",
		Instructions: "Answer; DROP TABLE assistants; --",
		Model:        "gpt-4o",
		Tools: []deja.Tool{
			{Type: "function", Function: &deja.Function{
				Name: "weather", Description: "Tells it.", Strict: new(true),
				Parameters: json.RawMessage(`{"type":"object","properties":{"z":{"type":"number","maximum":1.50},"a":{"enum":[12345678901234567890,1e400]}}}`),
			}},
			{Type: "file_search", Raw: json.RawMessage(`{"type":"file_search","file_search":{"max_num_results":3}}`)},
		},
		ToolResources:   json.RawMessage(`{"z": 1, "a": [1.0, 2e2]}`),
		Metadata:        map[string]string{"a.b": "c", "$where": "1", "": "empty", "quote'": `"`},
		Temperature:     new(0.1),
		TopP:            new(0.0),
		ResponseFormat:  json.RawMessage(`{"type":"json_schema","json_schema":{"name":"x","schema":{"b":1,"a":2}}}`),
		ReasoningEffort: "low",
		Sharing:         deja.ShareAssistant,
		Caching: deja.Caching{
			TTL: 90 * time.Second, Normalize: true, SkipTimeSensitive: true, SkipAttachments: true,
			SkipWords: []string{"heute", "今日"}, SkipTemperature: new(0.7),
			SafeTools: []string{"weather", deja.AnyTool}, StaleIfError: new(time.Duration(0)), ReplayRate: new(12.5),
		},
		Fallbacks: []deja.Fallback{{Upstream: "backup", Model: "small"}, {Model: "tiny"}},
	}
}

func createAssistant(t testing.TB, s deja.Store) *deja.Assistant {
	t.Helper()
	a := &deja.Assistant{ID: deja.NewID(deja.AssistantPrefix), CreatedAt: sampleTime(), Model: "m"}
	ok(t, s.CreateAssistant(t.Context(), a))
	return a
}

func createThread(t testing.TB, s deja.Store) *deja.Thread {
	t.Helper()
	th := &deja.Thread{ID: deja.NewID(deja.ThreadPrefix), CreatedAt: sampleTime()}
	ok(t, s.CreateThread(t.Context(), th))
	return th
}

// textMessage gives a user's message.
func textMessage(text string) *deja.Message {
	return &deja.Message{ID: deja.NewID(deja.MessagePrefix), CreatedAt: sampleTime(), Role: deja.RoleUser, Content: deja.Text(text)}
}

// threadMessage gives a user message for a thread.
func threadMessage(threadID, text string) *deja.Message {
	m := textMessage(text)
	m.ThreadID = threadID
	return m
}

// appendTexts appends a message for each text to the thread.
func appendTexts(t testing.TB, s deja.Store, threadID string, texts ...string) []*deja.Message {
	t.Helper()
	ms := make([]*deja.Message, len(texts))
	for i, text := range texts {
		ms[i] = textMessage(text)
	}
	_, err := s.AppendMessages(t.Context(), threadID, ms...)
	ok(t, err)
	return ms
}

// queuedRun gives a run that claims its thread for ten minutes from now.
func queuedRun(threadID string, now time.Time) *deja.Run {
	return &deja.Run{
		ID: deja.NewID(deja.RunPrefix), ThreadID: threadID, AssistantID: deja.NewID(deja.AssistantPrefix),
		Status: deja.RunQueued, CreatedAt: now, ExpiresAt: now.Add(10 * time.Minute), Model: "m",
	}
}

func createRun(t testing.TB, s deja.Store, threadID string, now time.Time) *deja.Run {
	t.Helper()
	r := queuedRun(threadID, now)
	_, err := s.CreateRun(t.Context(), r, now)
	ok(t, err)
	return r
}

// numbersTable describes a table of one integer column.
func numbersTable(name string) deja.Table {
	return deja.Table{
		ID: deja.NewID(deja.TablePrefix), Name: name,
		Columns: []deja.Column{{Name: "n", Field: "n", Type: deja.TypeInteger}},
	}
}

// numberRows gives the rows 0 to n-1 of a numbersTable.
func numberRows(n int) iter.Seq2[deja.Row, error] {
	return func(yield func(deja.Row, error) bool) {
		for i := range n {
			if !yield(deja.Row{int64(i)}, nil) {
				return
			}
		}
	}
}

// rowsOf gives rows as a sequence.
func rowsOf(rows []deja.Row) iter.Seq2[deja.Row, error] {
	return func(yield func(deja.Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// importRows imports a table and gives it with its row count.
func importRows(t testing.TB, s deja.Store, table deja.Table, rows []deja.Row) deja.Table {
	t.Helper()
	n, err := s.ImportRows(t.Context(), table, rowsOf(rows))
	ok(t, err)
	if n != int64(len(rows)) {
		t.Fatalf("ImportRows gives %d, want %d", n, len(rows))
	}
	table.RowCount = n
	return table
}

// sampleSource gives a source with the tables, not attached yet.
func sampleSource(assistantID, name string, tables ...deja.Table) *deja.DataSource {
	src := &deja.DataSource{
		ID: deja.NewID(deja.SourcePrefix), AssistantID: assistantID, Name: name, Filename: name + ".csv",
		Format: "csv", Bytes: 1 << 40, CreatedAt: sampleTime(), Tables: tables,
	}
	for i := range tables {
		tables[i].SourceID = src.ID
	}
	return src
}

// attachNumbers imports and attaches a source with one table of the numbers 0
// to n-1.
func attachNumbers(t testing.TB, s deja.Store, assistantID, name string, n int) *deja.DataSource {
	t.Helper()
	table := numbersTable(name)
	got, err := s.ImportRows(t.Context(), table, numberRows(n))
	ok(t, err)
	table.RowCount = got
	src := sampleSource(assistantID, name, table)
	_, err = s.AttachSource(t.Context(), src)
	ok(t, err)
	return src
}

// all gives the query for every row of a table, 1,000 at most.
func all(table deja.Table) deja.Query { return deja.Query{Table: table, Limit: 1000} }

// numbered names things in a readable order.
func numbered(what string, i int) string { return fmt.Sprintf("%s %03d", what, i) }
