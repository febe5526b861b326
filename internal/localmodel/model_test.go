package localmodel_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/localmodel"
	"github.com/dejahq/deja/internal/schema"
)

func user(text string) *deja.ModelRequest {
	return &deja.ModelRequest{Messages: []deja.ChatMessage{{Role: deja.RoleUser, Content: deja.Text(text)}}}
}

func newModel(t testing.TB) *localmodel.Model {
	t.Helper()
	m, err := localmodel.New(localmodel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// fruit is a schema without a store.
var fruit = deja.Schema{Tables: []deja.Table{{Name: "fruits", RowCount: 3, Columns: []deja.Column{
	{Name: "fruit", Type: deja.TypeString, Distinct: 3, Examples: []any{"Apple", "Pear", "Plum"}},
	{Name: "price", Type: deja.TypeNumber, Distinct: 3, Min: 1.5, Max: 4.25},
}}}}

func about(s deja.Schema, question string) *deja.ModelRequest {
	req := user(question)
	system := deja.ChatMessage{Role: deja.RoleSystem, Content: deja.Text("You sell fruit.\n\n" + schema.Describe(s))}
	req.Messages = append([]deja.ChatMessage{system}, req.Messages...)
	req.Tools = []deja.Tool{{Type: "function", Function: &deja.Function{Name: "other"}}, schema.QueryTool(s)}
	return req
}

func TestEqualRequestsGetEqualAnswers(t *testing.T) {
	t.Parallel()
	collect := func(req *deja.ModelRequest) (all []deja.Delta) {
		for d, err := range newModel(t).Stream(t.Context(), req) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, d)
		}
		return all
	}
	for _, q := range []string{"hello", "What is the price of Kiwi?", "How many fruits are there?", "price of the apple and the pear"} {
		first := collect(about(fruit, q))
		for range 5 {
			if diff := cmp.Diff(first, collect(about(fruit, q))); diff != "" {
				t.Errorf("%s: %s", q, diff)
			}
		}
	}
}

func TestStreamsWordByWord(t *testing.T) {
	t.Parallel()
	var words int
	var text string
	for d, err := range newModel(t).Stream(t.Context(), user("hello")) {
		if err != nil {
			t.Fatal(err)
		}
		if d.FinishReason != "" {
			if d.FinishReason != deja.FinishStop || d.Usage.PromptTokens != 2 || d.Usage.CompletionTokens != int64(len(text)+3)/4 {
				t.Errorf("last delta %+v, usage %+v", d, d.Usage)
			}
			continue
		}
		words++
		text += d.Text
	}
	if want := len(strings.Fields(text)); words != want || words < 10 {
		t.Errorf("%d deltas for %d words: %s", words, want, text)
	}
}

func TestDelayAndCancel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, err := localmodel.New(localmodel.Options{Delay: 100 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		start, deltas := time.Now(), 0
		for _, err := range m.Stream(t.Context(), user("hello")) {
			if err != nil {
				t.Fatal(err)
			}
			deltas++
		}
		if took := time.Since(start); took != time.Duration(deltas)*100*time.Millisecond {
			t.Errorf("%d deltas took %v", deltas, took)
		}

		ctx, cancel := context.WithTimeout(t.Context(), 350*time.Millisecond)
		defer cancel()
		deltas = 0
		var last error
		for _, err := range m.Stream(ctx, user("hello")) {
			if last != nil {
				t.Error("the stream goes on after its error")
			}
			if last = err; err == nil {
				deltas++
			}
		}
		if deltas != 3 || deja.ErrorCode(last) != deja.CodeCancelled {
			t.Errorf("%d deltas, then %v", deltas, last)
		}
	})
	for range newModel(t).Stream(t.Context(), user("hello")) {
		break // must not panic
	}
	if _, err := localmodel.New(localmodel.Options{Delay: time.Hour}); deja.ErrorCode(err) != deja.CodeInvalid {
		t.Errorf("a delay of an hour: %v", err)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	finish := func(req *deja.ModelRequest) (string, deja.FinishReason) {
		var text string
		var reason deja.FinishReason
		for d, err := range newModel(t).Stream(t.Context(), req) {
			if err != nil {
				t.Fatal(err)
			}
			text += d.Text
			reason = d.FinishReason
		}
		return text, reason
	}
	whole, _ := finish(user("hello"))
	req := user("hello")
	req.MaxCompletionTokens = new(5)
	if text, reason := finish(req); text != whole[:20] || reason != deja.FinishLength {
		t.Errorf("5 tokens: %q, %s", text, reason)
	}
	req.MaxCompletionTokens = new(100_000)
	req.Stop = []string{"", "model"}
	if text, reason := finish(req); text != whole[:strings.Index(whole, "model")] || reason != deja.FinishStop {
		t.Errorf("a stop sequence: %q, %s", text, reason)
	}
}

func TestWithoutData(t *testing.T) {
	t.Parallel()
	noTool := about(fruit, "How many fruits are there?")
	noTool.Tools = nil
	forbidden := about(fruit, "How many fruits are there?")
	forbidden.ToolChoice = json.RawMessage(`"none"`)
	instructed := user("How many fruits are there?")
	instructed.Messages = append([]deja.ChatMessage{{Role: deja.RoleSystem, Content: deja.Text("The secret word is plum.")}}, instructed.Messages...)
	for name, req := range map[string]*deja.ModelRequest{
		"no tables": user("How many fruits are there?"), "no tool": noTool, "forbidden": forbidden, "instructions": instructed,
		"no tables, hello": user("hello"), "no tables, help": user("What can you do?"), "no tables, data": user("What data do you have?"),
	} {
		text, calls := read(t, newModel(t), req)
		if len(calls) > 0 || !strings.Contains(text, "deja-local") || !strings.Contains(text, "stand-in") || strings.Contains(text, "plum") {
			t.Errorf("%s: %s, %v", name, text, calls)
		}
	}
	for name, req := range map[string]*deja.ModelRequest{"nothing": {}, "empty": user("  ?! "), "only a system message": {Messages: about(fruit, "").Messages[:1]}} {
		if text, _ := read(t, newModel(t), req); !strings.Contains(text, "no question") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// Only the last question counts, and only results that came after it.
func TestConversation(t *testing.T) {
	t.Parallel()
	req := about(fruit, "How many fruits are there?")
	_, calls := read(t, newModel(t), req)
	if len(calls) != 1 {
		t.Fatalf("%d calls", len(calls))
	}
	answered := append(req.Messages[:len(req.Messages):len(req.Messages)],
		deja.ChatMessage{Role: deja.RoleAssistant, ToolCalls: calls},
		deja.ChatMessage{Role: deja.RoleTool, ToolCallID: calls[0].ID, Content: deja.Text(`{"columns":["n"],"rows":[[3]],"total":1}`)})
	req.Messages = answered
	if text, _ := read(t, newModel(t), req); text != "There are 3 fruits." {
		t.Error(text)
	}
	// Asked again, the rows are read again.
	req.Messages = append(answered,
		deja.ChatMessage{Role: deja.RoleAssistant, Content: deja.Text("There are 3 fruits.")},
		deja.ChatMessage{Role: deja.RoleUser, Content: deja.Text("How many fruits are there?")})
	if _, calls = read(t, newModel(t), req); len(calls) != 1 {
		t.Errorf("%d calls for the same question in a new turn", len(calls))
	}
}

func TestFailedQueries(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]string{
		`{"error":"the store is away"}`: "the store is away",
		`<html>`:                        "cannot be read",
		`{"columns":["n"],"rows":[[1,2]],"total":1}`: "cannot be read",
	} {
		req := about(fruit, "How many fruits are there?")
		_, calls := read(t, newModel(t), req)
		req.Messages = append(req.Messages, deja.ChatMessage{Role: deja.RoleAssistant, ToolCalls: calls},
			deja.ChatMessage{Role: deja.RoleTool, ToolCallID: calls[0].ID, Content: deja.Text(output)})
		if text, calls := read(t, newModel(t), req); len(calls) > 0 || !strings.Contains(text, "could not read the data") || !strings.Contains(text, want) {
			t.Errorf("%s: %s", output, text)
		}
	}
}

// A question may be anything; the model's queries must be valid and the stream
// whole.
func FuzzQuestion(f *testing.F) {
	d := newDesk(f, file{"books.csv", []byte("title,genre,year,price,in_stock\nThe Quiet Sea,Novel,2001,8.50,true\n\"It, Again\",Poetry,1999,12,false\nOld Town,Novel,,3.25,true\n")},
		file{"orders.csv", []byte("order_id,ordered_on,title,quantity\n1,2026-01-02,The Quiet Sea,3\n2,2026-02-03,Old Town,1\n")})
	for _, q := range []string{
		"How many novels cost between 3 and 9 or more?", "not out of stock", "top 5 by price", "What's the price of “It, Again”?", "most common genre of",
		"orders since March 2026 per title", "more than", "average", "the 3 cheapest and the", "IT or US in It", "last first 2 orders", "with no price in", "order 1 order 2",
		"how much is -5 million", "title title title", "in in in 2001", "“”\"", "is 1,000 > 9.5€ %", "\x00\xff", "sum of sum by by each",
	} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, question string) {
		if text, _ := d.ask(t, question); text == "" {
			t.Errorf("no answer to %q", question)
		}
	})
}

// Whatever stands in the system message and in results, there is an answer.
func FuzzRequest(f *testing.F) {
	f.Add(schema.Describe(fruit), "What is the price of Kiwi?", `{"columns":["fruit","price"],"rows":[["Kiwi",1]],"total":1}`)
	f.Add("Tables that query_data can read:\n\nt (2 rows)\n- \"\\u0000\": string, 2 distinct: \"a\", \"b\"\n- \"\": date\n", "a of t", `{"columns":["\u0000"],"rows":[["a"],[null],[{"x":1}]],"total":-1}`)
	f.Add("Tables that query_data can read:\n\n_ (0 rows)\n- \"_\": integer, 1 to\n", "how many _", `{"columns":["figure","n"],"rows":[["x",1e999]],"total":1e5}`)
	f.Fuzz(func(t *testing.T, system, question, output string) {
		req := about(fruit, question)
		req.Messages[0].Content = deja.Text(system)
		m := newModel(t)
		for range 6 {
			_, calls := read(t, m, req)
			if len(calls) == 0 {
				return
			}
			req.Messages = append(req.Messages, deja.ChatMessage{Role: deja.RoleAssistant, ToolCalls: calls})
			for _, c := range calls {
				req.Messages = append(req.Messages, deja.ChatMessage{Role: deja.RoleTool, ToolCallID: c.ID, Content: deja.Text(output)})
			}
		}
		t.Error("no answer after 6 rounds")
	})
}
