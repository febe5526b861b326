package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/dejahq/deja"
)

// CrashChild is called first thing in the TestMain of a package that uses
// Crash. In the child process of Crash it opens the store, writes to it and
// does not return; elsewhere it does nothing.
func CrashChild(open func(ctx context.Context) (deja.Store, error)) {
	if os.Getenv(crashEnv) == "" {
		return
	}
	ctx := context.Background()
	s, err := open(ctx)
	if err == nil {
		err = writeForEver(ctx, s)
	}
	fmt.Fprintln(os.Stderr, "child of the crash test:", err)
	os.Exit(1)
}

// writeForEver writes to the store from several goroutines and says so, until
// something fails.
func writeForEver(ctx context.Context, s deja.Store) error {
	failed := make(chan error)
	for _, f := range []func(context.Context, deja.Store, func(acknowledgement)) error{
		appendForEver, appendForEver, editForEver, editForEver, runForEver, attachForEver, deleteForEver,
	} {
		go func() {
			failed <- f(ctx, s, func(a acknowledgement) {
				line, err := json.Marshal(a)
				if err == nil {
					// One write for each line, so that lines do not mix.
					_, err = os.Stdout.Write(append(line, '\n'))
				}
				if err != nil {
					os.Exit(1)
				}
			})
		}()
	}
	return <-failed
}

func appendForEver(ctx context.Context, s deja.Store, acked func(acknowledgement)) error {
	th := &deja.Thread{ID: deja.NewID(deja.ThreadPrefix), CreatedAt: time.Now()}
	if err := s.CreateThread(ctx, th); err != nil {
		return err
	}
	for i := 0; ; i++ {
		pair := []*deja.Message{textMessage(fmt.Sprint("question ", i)), textMessage(fmt.Sprint("answer ", i))}
		if _, err := s.AppendMessages(ctx, th.ID, pair...); err != nil {
			return err
		}
		for _, m := range pair {
			acked(acknowledgement{Kind: "message", Parent: th.ID, ID: m.ID, Seq: m.Seq, Text: m.Text()})
		}
	}
}

func editForEver(ctx context.Context, s deja.Store, acked func(acknowledgement)) error {
	a := sampleAssistant()
	a.Metadata = nil
	if err := s.CreateAssistant(ctx, a); err != nil {
		return err
	}
	for {
		acked(acknowledgement{Kind: "assistant", ID: a.ID, Version: a.Version})
		var err error
		a, err = deja.EditAssistant(ctx, s, a.ID, func(a *deja.Assistant) error {
			if a.Metadata == nil {
				a.Metadata = map[string]string{}
			}
			a.Metadata[fmt.Sprint(a.Version)] = "edited"
			return nil
		})
		if err != nil {
			return err
		}
	}
}

func runForEver(ctx context.Context, s deja.Store, acked func(acknowledgement)) error {
	th := &deja.Thread{ID: deja.NewID(deja.ThreadPrefix), CreatedAt: time.Now()}
	if err := s.CreateThread(ctx, th); err != nil {
		return err
	}
	for {
		r := queuedRun(th.ID, time.Now())
		if _, err := s.CreateRun(ctx, r, time.Now()); err != nil {
			return err
		}
		acked(acknowledgement{Kind: "run", Parent: th.ID, ID: r.ID, Version: r.Version, Text: string(r.Status)})
		for _, status := range []deja.RunStatus{deja.RunInProgress, deja.RunCompleted} {
			r.Status = status
			if err := s.UpdateRun(ctx, r); err != nil {
				return err
			}
			acked(acknowledgement{Kind: "run", Parent: th.ID, ID: r.ID, Version: r.Version, Text: string(r.Status)})
		}
	}
}

func attachForEver(ctx context.Context, s deja.Store, acked func(acknowledgement)) error {
	a := sampleAssistant()
	if err := s.CreateAssistant(ctx, a); err != nil {
		return err
	}
	for i := 0; ; i++ {
		table := numbersTable(numbered("table", i))
		n, err := s.ImportRows(ctx, table, numberRows(1500))
		if err != nil {
			return err
		}
		src := sampleSource(a.ID, table.Name, table)
		if _, err := s.AttachSource(ctx, src); err != nil {
			return err
		}
		acked(acknowledgement{Kind: "source", Parent: a.ID, ID: src.ID, Rows: n, Table: table.ID})
	}
}

func deleteForEver(ctx context.Context, s deja.Store, acked func(acknowledgement)) error {
	for {
		a := sampleAssistant()
		a.Metadata = nil
		if err := s.CreateAssistant(ctx, a); err != nil {
			return err
		}
		acked(acknowledgement{Kind: "assistant", ID: a.ID, Version: 1})
		acked(acknowledgement{Kind: "deleting", ID: a.ID})
		if err := s.DeleteAssistant(ctx, a.ID); err != nil {
			return err
		}
		acked(acknowledgement{Kind: "deleted", ID: a.ID})
	}
}
