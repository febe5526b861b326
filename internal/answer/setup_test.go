package answer_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/answer"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/llm"
	"github.com/dejahq/deja/internal/llm/llmtest"
	"github.com/dejahq/deja/internal/monitor"
	"github.com/dejahq/deja/internal/redistest"
	"github.com/dejahq/deja/internal/schema"
	"github.com/dejahq/deja/internal/sqlite"
)

// house is an Answerer with everything around it: an embedded store, a memory
// cache, and a scripted model server behind the real client.
type house struct {
	*answer.Answerer
	t       *testing.T
	model   *llmtest.Server
	layers  *layers.Layers
	store   deja.Store
	monitor *monitor.Monitor
}

func newHouse(t *testing.T, change ...func(*answer.Options)) *house {
	t.Helper()
	return newNode(t, llmtest.NewServer(t), newStore(t), cache.Options{}, change...)
}

// newFleet is n houses on one Redis, one store and one model server.
func newFleet(t *testing.T, n int) (*redistest.Server, []*house) {
	t.Helper()
	redis, model, store := redistest.Start(t), llmtest.NewServer(t), newStore(t)
	nodes := make([]*house, n)
	for i := range nodes {
		nodes[i] = newNode(t, model, store, cache.Options{
			Redis:       &cache.RedisOptions{URL: redis.URL(), AnswerWithin: 20 * time.Second},
			SoftTimeout: 10 * time.Second, HardTimeout: 20 * time.Second,
		})
	}
	return redis, nodes
}

func newStore(t *testing.T) deja.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func newNode(t *testing.T, model *llmtest.Server, store deja.Store, c cache.Options, change ...func(*answer.Options)) *house {
	t.Helper()
	h := &house{t: t, model: model, store: store}
	engine, err := cache.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	h.monitor = monitor.New(monitor.Options{Layers: func() []cache.LayerStats { return engine.Stats().Layers }})
	if h.layers, err = layers.New(engine, store, layers.Options{}); err != nil {
		t.Fatal(err)
	}
	client, err := llm.New(llm.Options{BaseURL: h.model.URL, MaxRetries: 1})
	if err != nil {
		t.Fatal(err)
	}
	o := answer.Options{Layers: h.layers, Model: client, Monitor: h.monitor}
	for _, c := range change {
		c(&o)
	}
	if h.Answerer, err = answer.New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := h.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return h
}

// assistant makes one with the given sharing.
func (h *house) assistant(sharing deja.Sharing) *deja.Assistant {
	h.t.Helper()
	a := &deja.Assistant{
		ID: deja.NewID(deja.AssistantPrefix), CreatedAt: time.Now().UTC(), Name: "Clerk",
		Instructions: "Be brief.", Model: "test-model", Sharing: sharing,
	}
	if err := h.layers.CreateAssistant(h.t.Context(), a); err != nil {
		h.t.Fatal(err)
	}
	return a
}

// data attaches a small table to an assistant.
func (h *house) data(a *deja.Assistant) {
	h.t.Helper()
	csv := "item,price\nhammer,12.5\nsaw,18\n"
	f, err := schema.Open(h.t.Context(), strings.NewReader(csv), int64(len(csv)), schema.Options{Filename: "stock.csv"})
	if err != nil {
		h.t.Fatal(err)
	}
	s := &deja.DataSource{
		ID: deja.NewID(deja.SourcePrefix), AssistantID: a.ID, Name: "stock", Filename: "stock.csv",
		Format: "csv", CreatedAt: time.Now().UTC(), Tables: f.Tables(),
	}
	for i, table := range s.Tables {
		if _, err := h.store.ImportRows(h.t.Context(), table, f.Rows(i)); err != nil {
			h.t.Fatal(err)
		}
	}
	if _, err := h.layers.AttachSource(h.t.Context(), s); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) thread(texts ...string) *deja.Thread {
	h.t.Helper()
	th := &deja.Thread{ID: deja.NewID(deja.ThreadPrefix), CreatedAt: time.Now().UTC()}
	var ms []*deja.Message
	for _, text := range texts {
		ms = append(ms, userMessage(th.ID, text))
	}
	if err := h.layers.CreateThread(h.t.Context(), th, ms...); err != nil {
		h.t.Fatal(err)
	}
	return th
}

func userMessage(threadID, text string) *deja.Message {
	return &deja.Message{
		ID: deja.NewID(deja.MessagePrefix), ThreadID: threadID, CreatedAt: time.Now().UTC(),
		Role: deja.RoleUser, Content: deja.Text(text),
	}
}

func question(assistantID, text string) answer.Question {
	return answer.Question{
		AssistantID: assistantID, Client: "test",
		Request: deja.ModelRequest{Messages: []deja.ChatMessage{{Role: deja.RoleUser, Content: deja.Text(text)}}},
	}
}

// ask asks and waits for the whole answer.
func (h *house) ask(q answer.Question) (*answer.Reply, *deja.Answer) {
	h.t.Helper()
	r, err := h.Ask(h.t.Context(), q)
	if err != nil {
		h.t.Fatal(err)
	}
	a, err := r.Wait(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return r, a
}

// texts lists the thread's messages, oldest first.
func (h *house) texts(threadID string) []string {
	h.t.Helper()
	l, err := h.store.Messages(h.t.Context(), threadID, "", deja.Page{Limit: 100, Asc: true})
	if err != nil {
		h.t.Fatal(err)
	}
	var all []string
	for i := range l.Data {
		all = append(all, string(l.Data[i].Role)+": "+l.Data[i].Text())
	}
	return all
}

// wait waits for what goes on in the background.
func (h *house) wait(what string, ok func() bool) {
	h.t.Helper()
	late := time.After(30 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			h.t.Fatalf("not within 30 s: %s", what)
		}
	}
}
