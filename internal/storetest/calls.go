package storetest

import (
	"context"
	"time"

	"github.com/dejahq/deja"
)

// call is a call of one method about things with the given ids.
type call struct {
	method string
	writes bool
	do     func(ctx context.Context, s deja.Store) error
}

// calls gives a call of every method that is about things which exist already.
func calls(assistantID, sourceID, tableID, threadID, messageID, runID string) []call {
	table := numbersTable("n")
	table.ID = tableID
	return []call{
		{"Assistant", false, func(ctx context.Context, s deja.Store) error {
			_, err := s.Assistant(ctx, assistantID)
			return err
		}},
		{"UpdateAssistant", true, func(ctx context.Context, s deja.Store) error {
			// Version 2, as populate leaves it.
			return s.UpdateAssistant(ctx, &deja.Assistant{ID: assistantID, Version: 2, Model: "m"})
		}},
		{"AttachSource", true, func(ctx context.Context, s deja.Store) error {
			_, err := s.AttachSource(ctx, sampleSource(assistantID, "new"))
			return err
		}},
		{"Sources", false, func(ctx context.Context, s deja.Store) error {
			_, _, err := s.Sources(ctx, assistantID)
			return err
		}},
		{"QueryRows", false, func(ctx context.Context, s deja.Store) error {
			_, err := s.QueryRows(ctx, all(table))
			return err
		}},
		{"DetachSource", true, func(ctx context.Context, s deja.Store) error {
			_, err := s.DetachSource(ctx, assistantID, sourceID)
			return err
		}},
		{"DeleteAssistant", true, func(ctx context.Context, s deja.Store) error {
			return s.DeleteAssistant(ctx, assistantID)
		}},
		{"Thread", false, func(ctx context.Context, s deja.Store) error {
			_, err := s.Thread(ctx, threadID)
			return err
		}},
		{"UpdateThread", true, func(ctx context.Context, s deja.Store) error {
			return s.UpdateThread(ctx, &deja.Thread{ID: threadID, Version: 1})
		}},
		{"AppendMessages", true, func(ctx context.Context, s deja.Store) error {
			_, err := s.AppendMessages(ctx, threadID, textMessage("new"))
			return err
		}},
		{"AddMessage", true, func(ctx context.Context, s deja.Store) error {
			_, err := s.AddMessage(ctx, threadMessage(threadID, "new"), sampleTime().Add(24*time.Hour)) // after any claim
			return err
		}},
		{"TouchRun", true, func(ctx context.Context, s deja.Store) error {
			_, err := s.TouchRun(ctx, threadID, runID, sampleTime())
			return err
		}},
		{"Message", false, func(ctx context.Context, s deja.Store) error {
			_, err := s.Message(ctx, threadID, messageID)
			return err
		}},
		{"Messages", false, func(ctx context.Context, s deja.Store) error {
			_, err := s.Messages(ctx, threadID, "", deja.Page{Limit: 10})
			return err
		}},
		{"UpdateMessage", true, func(ctx context.Context, s deja.Store) error {
			return s.UpdateMessage(ctx, &deja.Message{ID: messageID, ThreadID: threadID, Version: 1})
		}},
		{"DeleteMessage", true, func(ctx context.Context, s deja.Store) error {
			return s.DeleteMessage(ctx, threadID, messageID)
		}},
		{"ThreadContext", false, func(ctx context.Context, s deja.Store) error {
			_, err := s.ThreadContext(ctx, threadID, 10)
			return err
		}},
		{"CreateRun", true, func(ctx context.Context, s deja.Store) error {
			// A day later no claim stands.
			now := sampleTime().AddDate(0, 0, 1)
			_, err := s.CreateRun(ctx, queuedRun(threadID, now), now)
			return err
		}},
		{"Run", false, func(ctx context.Context, s deja.Store) error {
			_, err := s.Run(ctx, threadID, runID)
			return err
		}},
		{"Runs", false, func(ctx context.Context, s deja.Store) error {
			_, err := s.Runs(ctx, threadID, deja.Page{Limit: 10})
			return err
		}},
		{"UpdateRun", true, func(ctx context.Context, s deja.Store) error {
			return s.UpdateRun(ctx, &deja.Run{ID: runID, ThreadID: threadID, Version: 1, Status: deja.RunInProgress})
		}},
		{"DeleteThread", true, func(ctx context.Context, s deja.Store) error {
			return s.DeleteThread(ctx, threadID)
		}},
	}
}

// creations gives a call of every method that needs nothing to be there.
func creations() []call {
	return []call{
		{"CreateAssistant", true, func(ctx context.Context, s deja.Store) error {
			return s.CreateAssistant(ctx, sampleAssistant())
		}},
		{"CreateThread", true, func(ctx context.Context, s deja.Store) error {
			return s.CreateThread(ctx, &deja.Thread{ID: deja.NewID(deja.ThreadPrefix), CreatedAt: sampleTime()})
		}},
		{"ImportRows", true, func(ctx context.Context, s deja.Store) error {
			_, err := s.ImportRows(ctx, numbersTable("n"), numberRows(3))
			return err
		}},
		{"DropRows", true, func(ctx context.Context, s deja.Store) error { return s.DropRows(ctx, "tbl_never") }},
		{"Assistants", false, func(ctx context.Context, s deja.Store) error {
			_, err := s.Assistants(ctx, deja.Page{Limit: 10})
			return err
		}},
		{"Marks", false, func(ctx context.Context, s deja.Store) error {
			_, err := s.Marks(ctx, 10)
			return err
		}},
		{"ClearMark", true, func(ctx context.Context, s deja.Store) error {
			return s.ClearMark(ctx, deja.Mark{AssistantID: "asst_nobody", Version: 1})
		}},
		{"SaveDay", true, func(ctx context.Context, s deja.Store) error {
			return s.SaveDay(ctx, deja.DayShare{Node: "node-1", Seq: sampleTime().Unix(), DayTotals: deja.DayTotals{Day: "2026-11-23", Hits: 1}})
		}},
		{"Days", false, func(ctx context.Context, s deja.Store) error {
			_, err := s.Days(ctx, "2026-11-01")
			return err
		}},
		{"Ping", false, func(ctx context.Context, s deja.Store) error { return s.Ping(ctx) }},
	}
}
