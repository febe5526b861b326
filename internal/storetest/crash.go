package storetest

import (
	"bufio"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"github.com/dejahq/deja"
)

// crashEnv marks the child process of Crash.
const crashEnv = "DEJA_STORETEST_CRASH"

// Crash starts a process that writes to a store, kills it (SIGKILL) in the
// middle of its writes, opens the store, and checks that everything which the
// process had acknowledged is there, and whole; a few times over, on the same
// store.
//
// The child process is the test binary itself, with env added to its
// environment to say which store to open: the TestMain of the package must
// begin with CrashChild. open opens the same store in this process; Crash
// closes what it gives.
func Crash(t *testing.T, env []string, open func(t *testing.T) deja.Store) {
	const rounds = 5
	exe, err := os.Executable()
	ok(t, err)
	var all []acknowledgement
	for round := range rounds {
		child := exec.CommandContext(t.Context(), exe, "-test.run=^$")
		child.Env = append(append(os.Environ(), env...), crashEnv+"=1")
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		ok(t, err)
		ok(t, child.Start())

		// The moment of the kill differs from round to round.
		wait := 60 + rand.IntN(120)
		acks := 0
		for lines := bufio.NewReader(out); ; acks++ {
			if acks == wait {
				ok(t, child.Process.Kill())
			}
			line, err := lines.ReadBytes('\n')
			if err == io.EOF { // a line that was cut by the kill is none
				break
			}
			ok(t, err)
			var a acknowledgement
			ok(t, json.Unmarshal(line, &a))
			all = append(all, a)
		}
		err = child.Wait()
		if acks < wait {
			t.Fatalf("the child ended by itself after %d acknowledgements: %v", acks, err)
		}
		t.Logf("round %d: killed at %d acknowledgements, %d read", round, wait, acks)

		s := open(t)
		survived(t, s, all)
		populate(t, s) // and it goes on
		ok(t, s.Close())
	}
}

// acknowledgement is a line of the child: what it did (or, for a kind that
// ends in "ing", is about to do).
type acknowledgement struct {
	Kind    string
	Parent  string // assistant or thread
	ID      string
	Version int64  // of an assistant, or a run
	Seq     int64  // of a message
	Text    string // of a message; status of a run
	Rows    int64  // of a source
	Table   string // of a source
}

// survived checks that what was acknowledged is in the store.
func survived(t *testing.T, s deja.Store, acks []acknowledgement) {
	t.Helper()
	ctx := t.Context()
	last := map[string]acknowledgement{} // by id: what was said last
	threads := map[string]map[string]deja.Message{}
	marks := marksOf(t, s)
	for _, a := range acks {
		if a.Kind != "message" {
			last[a.ID] = a
			continue
		}
		if _, known := threads[a.Parent]; !known {
			threads[a.Parent] = wholeThread(t, s, a.Parent)
		}
		if m := threads[a.Parent][a.ID]; m.Seq != a.Seq || m.Text() != a.Text {
			t.Errorf("acknowledged message %d of %s is %d, %q", a.Seq, a.Parent, m.Seq, m.Text())
		}
	}
	for id, a := range last {
		switch a.Kind {
		case "assistant":
			got, err := s.Assistant(ctx, id)
			ok(t, err)
			if got.Version > 1 && marks[id] != got.Mark() {
				t.Errorf("assistant %s was changed to version %d, its mark is %+v", id, got.Version, marks[id])
			}
			if got.Version < a.Version || int64(len(got.Metadata)) != got.Version-1 {
				t.Errorf("assistant %s is at version %d with %d edits, acknowledged %d", id, got.Version, len(got.Metadata), a.Version)
			}
		case "run":
			got, err := s.Run(ctx, a.Parent, id)
			ok(t, err)
			if got.Version < a.Version || got.Version == a.Version && string(got.Status) != a.Text {
				t.Errorf("run %s is %s at version %d, acknowledged %s at %d", id, got.Status, got.Version, a.Text, a.Version)
			}
			th, err := s.Thread(ctx, a.Parent)
			ok(t, err)
			if got.Status.Terminal() == (th.ActiveRun == id) {
				t.Errorf("run %s is %s, and thread %s is held by %q", id, got.Status, a.Parent, th.ActiveRun)
			}
		case "deleted":
			if _, err := s.Assistant(ctx, id); deja.ErrorCode(err) != deja.CodeNotFound {
				t.Errorf("deleted assistant %s: %v", id, err)
			}
			if _, marked := marks[id]; !marked {
				t.Errorf("assistant %s was deleted without a mark", id)
			}
		case "source":
			sources, version, err := s.Sources(ctx, a.Parent)
			ok(t, err)
			if int(version) != len(sources)+1 {
				t.Errorf("assistant %s has %d sources at data version %d", a.Parent, len(sources), version)
			}
			table := numbersTable("n")
			table.ID = a.Table
			q := all(table)
			q.Aggregates = []deja.Aggregate{{Func: "count", Column: -1, As: "rows"}, {Func: "sum", Column: 0, As: "sum"}}
			res, err := s.QueryRows(ctx, q)
			ok(t, err)
			same(t, "rows of a source", res.Rows, []deja.Row{{a.Rows, a.Rows * (a.Rows - 1) / 2}})
		}
	}
}

// wholeThread gives a thread's messages by id. A message that was not
// acknowledged may be there or not, but only in its place.
func wholeThread(t *testing.T, s deja.Store, threadID string) map[string]deja.Message {
	t.Helper()
	th, err := s.Thread(t.Context(), threadID)
	ok(t, err)
	byID := map[string]deja.Message{}
	var seq int64
	for _, m := range listMessages(t, s, threadID) {
		if m.Seq <= seq || m.Seq > th.Seq {
			t.Errorf("message %d of %s comes after %d, the thread is at %d", m.Seq, threadID, seq, th.Seq)
		}
		seq = m.Seq
		byID[m.ID] = m
	}
	return byID
}
