package sqlite_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dejahq/deja"
)

func BenchmarkReads(b *testing.B) {
	s := open(b, b.TempDir())
	ctx := b.Context()
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	for i := range 1000 {
		check(s.CreateAssistant(ctx, &deja.Assistant{
			ID: fmt.Sprintf("asst_%d", i), CreatedAt: time.Now(), Name: "Sales", Model: "gpt-4o", Instructions: strings.Repeat("Answer. ", 50),
			Temperature: new(0.2), Metadata: map[string]string{"team": "sales"},
		}))
	}
	check(s.CreateThread(ctx, &deja.Thread{ID: "thread_x", CreatedAt: time.Now()}))
	for i := range 100 {
		_, err := s.AppendMessages(ctx, "thread_x", &deja.Message{ID: fmt.Sprintf("msg_%d", i), CreatedAt: time.Now(), Role: deja.RoleUser, Content: deja.Text(strings.Repeat("word ", 60))})
		check(err)
	}
	run := &deja.Run{ID: "run_x", ThreadID: "thread_x", CreatedAt: time.Now(), ExpiresAt: time.Now(), Model: "gpt-4o", Status: deja.RunQueued}
	_, err := s.CreateRun(ctx, run, time.Now())
	check(err)
	tb := importTable(b, s, "tbl_x", 100_000, "some text")

	for name, read := range map[string]func() error{
		"assistant": func() error { _, err := s.Assistant(ctx, "asst_500"); return err },
		"thread":    func() error { _, err := s.Thread(ctx, "thread_x"); return err },
		"message":   func() error { _, err := s.Message(ctx, "thread_x", "msg_50"); return err },
		"run":       func() error { _, err := s.Run(ctx, "thread_x", "run_x"); return err },
		"context of 20": func() error {
			_, err := s.ThreadContext(ctx, "thread_x", 20)
			return err
		},
		"first 20 rows": func() error {
			_, err := s.QueryRows(ctx, deja.Query{Table: tb, Limit: 20})
			return err
		},
		"filter 100,000 rows": func() error {
			_, err := s.QueryRows(ctx, deja.Query{Table: tb, Where: &deja.Condition{Op: deja.OpLt, Column: 0, Value: int64(10)}, Limit: 20})
			return err
		},
		"search 100,000 rows": func() error {
			_, err := s.QueryRows(ctx, deja.Query{Table: tb, Where: &deja.Condition{Op: deja.OpContains, Column: 1, Value: "nothing"}, Limit: 20})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				check(read())
			}
		})
	}
	b.Run("assistant, in parallel", func(b *testing.B) {
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				check(func() error { _, err := s.Assistant(ctx, "asst_500"); return err }())
			}
		})
	})
}

func BenchmarkWrites(b *testing.B) {
	s := open(b, b.TempDir())
	ctx := b.Context()
	if err := s.CreateThread(ctx, &deja.Thread{ID: "thread_x", CreatedAt: time.Now()}); err != nil {
		b.Fatal(err)
	}
	b.Run("append a pair", func(b *testing.B) {
		for b.Loop() {
			question := &deja.Message{ID: deja.NewID(deja.MessagePrefix), Role: deja.RoleUser, Content: deja.Text("What?")}
			answer := &deja.Message{ID: deja.NewID(deja.MessagePrefix), Role: deja.RoleAssistant, Content: deja.Text("That.")}
			if _, err := s.AppendMessages(ctx, "thread_x", question, answer); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("import 100,000 rows", func(b *testing.B) {
		for b.Loop() {
			tb := importTable(b, s, deja.NewID(deja.TablePrefix), 100_000, "some text")
			b.StopTimer()
			if err := s.DropRows(ctx, tb.ID); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
}
