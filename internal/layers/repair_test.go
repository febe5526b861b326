package layers_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/redistest"
	"github.com/dejahq/deja/internal/sqlite"
)

// A child of these tests is a node that dies. Its environment says where the
// store and Redis are, and where it is to stop.
const (
	childDir   = "DEJA_LAYERS_CHILD_DIR"
	childRedis = "DEJA_LAYERS_CHILD_REDIS"
	childDoes  = "DEJA_LAYERS_CHILD_DOES"
)

const childAssistant = "asst_AAAAAAAAAAAAAAAAAAAAAAAAAA"

func TestMain(m *testing.M) {
	if os.Getenv(childDir) != "" {
		fmt.Fprintln(os.Stderr, "child:", child(context.Background()))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// house is one node: layers on a store and an engine.
func house(ctx context.Context, dir, url string, wrap func(deja.Store) deja.Store) (*layers.Layers, func(), error) {
	store, err := sqlite.Open(ctx, sqlite.Options{Dir: dir})
	if err != nil {
		return nil, nil, err
	}
	engine, err := cache.Open(ctx, cache.Options{
		Redis: &cache.RedisOptions{URL: url}, SoftTimeout: 5 * time.Second, HardTimeout: 10 * time.Second,
	})
	if err != nil {
		return nil, nil, err
	}
	l, err := layers.New(engine, wrap(store), layers.Options{})
	return l, func() { _ = engine.Close(); _ = store.Close() }, err
}

// dying dies, as far as anybody can tell, between a change and the
// invalidation.
type dying struct{ deja.Store }

func (d dying) UpdateAssistant(ctx context.Context, a *deja.Assistant) error {
	return d.after(d.Store.UpdateAssistant(ctx, a))
}

func (d dying) DeleteAssistant(ctx context.Context, id string) error {
	return d.after(d.Store.DeleteAssistant(ctx, id))
}

func (d dying) AttachSource(ctx context.Context, s *deja.DataSource) (*deja.Assistant, error) {
	a, err := d.Store.AttachSource(ctx, s)
	return a, d.after(err)
}

func (d dying) after(err error) error {
	if err != nil {
		return err
	}
	fmt.Println("changed")
	select {} // until it is killed
}

// child fills the caches, says so, waits for a line, and changes something.
func child(ctx context.Context) error {
	does := os.Getenv(childDoes)
	wrap := func(s deja.Store) deja.Store { return s }
	if does != "edit without redis" {
		wrap = func(s deja.Store) deja.Store { return dying{s} }
	}
	l, _, err := house(ctx, os.Getenv(childDir), os.Getenv(childRedis), wrap)
	if err != nil {
		return err
	}
	a := &deja.Assistant{ID: childAssistant, CreatedAt: time.Now(), Model: "m", Name: "old"}
	if err := l.CreateAssistant(ctx, a); err != nil {
		return err
	}
	if _, err := l.Assistant(ctx, a.ID); err != nil {
		return err
	}
	if _, err := l.Schema(ctx, a.ID); err != nil {
		return err
	}
	fmt.Println("cached")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	switch does {
	case "attach":
		_, err = l.AttachSource(ctx, &deja.DataSource{ID: deja.NewID(deja.SourcePrefix), AssistantID: a.ID, Name: "new", CreatedAt: time.Now()})
	case "delete":
		err = l.DeleteAssistant(ctx, a.ID)
	default:
		_, err = l.EditAssistant(ctx, a.ID, func(a *deja.Assistant) error {
			a.Name = "new"
			return nil
		})
	}
	if err != nil {
		return err
	}
	fmt.Println("changed")
	select {}
}

// killed runs a child and kills it when it has changed what it had cached.
func killed(t *testing.T, dir, url, does string, before func()) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), exe, "-test.run=^$")
	c.Env = append(os.Environ(), childDir+"="+dir, childRedis+"="+url, childDoes+"="+does)
	c.Stderr = t.Output()
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	expect := func(want string) {
		t.Helper()
		if line, err := lines.ReadString('\n'); line != want+"\n" {
			t.Fatalf("the child says %q, %v", line, err)
		}
	}
	expect("cached")
	before()
	if _, err := io.WriteString(in, "go on\n"); err != nil {
		t.Fatal(err)
	}
	expect("changed")
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
}

// repaired opens another node on what the killed one left. It must find the
// caches wrong, or the test proves nothing, and make them right.
func repaired(t *testing.T, dir, url string, right func(*layers.Layers) bool) {
	t.Helper()
	l, end, err := house(t.Context(), dir, url, func(s deja.Store) deja.Store { return s })
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	if right(l) {
		t.Fatal("nothing is wrong in the caches")
	}
	if marks, err := l.Store().Marks(t.Context(), 10); err != nil || len(marks) != 1 {
		t.Fatalf("marks: %v, %v", marks, err)
	}
	// While it may yet be the writer's own, it is left alone.
	if err := l.Repair(t.Context(), time.Hour); err != nil || right(l) {
		t.Fatalf("repaired too early, or %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { l.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	eventually(t, "the mark is cleared", func() bool {
		marks, err := l.Store().Marks(t.Context(), 10)
		return err == nil && len(marks) == 0
	})
	if !right(l) {
		t.Fatal("the caches are still wrong")
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.After(time.Minute)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-late:
			t.Fatalf("never: %s", what)
		case <-again.C:
		}
	}
}

func named(t *testing.T, name string) func(*layers.Layers) bool {
	return func(l *layers.Layers) bool {
		a, err := l.Assistant(t.Context(), childAssistant)
		return err == nil && a.Name == name
	}
}

func TestAnotherNodeRepairsWhatAKilledOneLeft(t *testing.T) {
	t.Parallel()
	for does, right := range map[string]func(*layers.Layers) bool{
		"edit": named(t, "new"),
		"attach": func(l *layers.Layers) bool {
			a, err := l.Assistant(t.Context(), childAssistant)
			s, err2 := l.Schema(t.Context(), childAssistant)
			return err == nil && err2 == nil && len(a.Sources) == 1 && s.Version == a.DataVersion
		},
		"delete": func(l *layers.Layers) bool {
			_, err := l.Assistant(t.Context(), childAssistant)
			_, err2 := l.Schema(t.Context(), childAssistant)
			return deja.ErrorCode(err) == deja.CodeNotFound && deja.ErrorCode(err2) == deja.CodeNotFound
		},
	} {
		t.Run(does, func(t *testing.T) {
			t.Parallel()
			srv, dir := redistest.Start(t), t.TempDir()
			killed(t, dir, srv.URL(), does, func() {})
			repaired(t, dir, srv.URL(), right)
		})
	}
}

// The invalidation is queued, because Redis is away, and the queue dies with
// its process.
func TestAnInvalidationThatDiedWithItsNodeIsRepeated(t *testing.T) {
	t.Parallel()
	srv, dir := redistest.Start(t), t.TempDir()
	link := redistest.NewProxy(t, srv.Addr())
	killed(t, dir, "redis://"+link.Addr(), "edit without redis", link.Refuse)
	repaired(t, dir, srv.URL(), named(t, "new"))
}

// What has been confirmed leaves no mark, and repeating an invalidation takes
// nothing away that is right.
func TestRepairCostsNothingThatIsRight(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	l, end, err := house(t.Context(), t.TempDir(), srv.URL(), func(s deja.Store) deja.Store { return s })
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	a := &deja.Assistant{ID: deja.NewID(deja.AssistantPrefix), CreatedAt: time.Now(), Model: "m", Name: "old"}
	if err := l.CreateAssistant(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	edited, err := l.EditAssistant(t.Context(), a.ID, func(a *deja.Assistant) error { a.Name = "new"; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if marks, err := l.Store().Marks(t.Context(), 10); err != nil || len(marks) != 0 {
		t.Fatalf("marks after an edit that went well: %v, %v", marks, err)
	}
	edited.Name = "newer"
	if err := l.Store().UpdateAssistant(t.Context(), edited); err != nil { // and no invalidation
		t.Fatal(err)
	}
	if _, err := l.Engine().Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Assistant(t.Context(), a.ID); err != nil || got.Name != "newer" {
		t.Fatalf("%+v, %v", got, err)
	}
	ctx, queries := deja.CountQueries(t.Context())
	if err := l.Repair(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Assistant(ctx, a.ID); err != nil || got.Name != "newer" || queries.Reads.Load() != 0 {
		t.Fatalf("%+v, %v, %d queries", got, err, queries.Reads.Load())
	}
	if marks, err := l.Store().Marks(t.Context(), 10); err != nil || len(marks) != 0 {
		t.Fatalf("marks after a repair: %v, %v", marks, err)
	}
}
