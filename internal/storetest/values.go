package storetest

import (
	"testing"

	"github.com/dejahq/deja"
)

var valueTests = []storeTest{
	{"assistants are copies", func(t *testing.T, s deja.Store) {
		a := sampleAssistant()
		ok(t, s.CreateAssistant(t.Context(), a))
		spoil := func(a *deja.Assistant) {
			a.Name = "spoilt"
			a.Metadata["a.b"] = "spoilt"
			a.Tools[0].Function.Name = "spoilt"
			a.Tools[0].Function.Parameters[0] = '!'
			a.ToolResources[0], a.ResponseFormat[0] = '!', '!'
			*a.Temperature = 2
		}
		intact := func() {
			t.Helper()
			got, err := s.Assistant(t.Context(), a.ID)
			ok(t, err)
			want := sampleAssistant()
			want.ID, want.CreatedAt, want.Version, want.DataVersion = a.ID, kept(want.CreatedAt), 1, 1
			same(t, "assistant", got, want)
		}
		spoil(a) // what was passed in
		intact()
		got, err := s.Assistant(t.Context(), a.ID)
		ok(t, err)
		spoil(got) // what was handed out
		intact()
		l, err := s.Assistants(t.Context(), deja.Page{Limit: 1})
		ok(t, err)
		spoil(&l.Data[0])
		intact()
	}},
	{"messages are copies", func(t *testing.T, s deja.Store) {
		th := createThread(t, s)
		m := textMessage("text")
		m.Metadata = map[string]string{"k": "v"}
		_, err := s.AppendMessages(t.Context(), th.ID, m)
		ok(t, err)
		m.Content[0].Text, m.Metadata["k"] = "spoilt", "spoilt"
		tc, err := s.ThreadContext(t.Context(), th.ID, 1)
		ok(t, err)
		tc.Messages[0].Content[0].Text, tc.Messages[0].Metadata["k"] = "spoilt", "spoilt"
		got, err := s.Message(t.Context(), th.ID, m.ID)
		ok(t, err)
		if got.Text() != "text" || got.Metadata["k"] != "v" {
			t.Errorf("the stored message changed with the caller's: %+v", got)
		}
	}},
	{"runs are copies", func(t *testing.T, s deja.Store) {
		th := createThread(t, s)
		r := queuedRun(th.ID, sampleTime())
		r.Steps = []deja.RunStep{{ID: "step_1", ToolCalls: []deja.ToolCall{{ID: "call_1"}}}}
		r.Temperature = new(0.5)
		held, err := s.CreateRun(t.Context(), r, sampleTime())
		ok(t, err)
		held.ActiveRun = "spoilt"
		r.Steps[0].ToolCalls[0].ID, *r.Temperature = "spoilt", 2
		got, err := s.Run(t.Context(), th.ID, r.ID)
		ok(t, err)
		if got.Steps[0].ToolCalls[0].ID != "call_1" || *got.Temperature != 0.5 {
			t.Errorf("the stored run changed with the caller's: %+v", got)
		}
	}},
	{"sources and rows are copies", func(t *testing.T, s deja.Store) {
		a := createAssistant(t, s)
		src := attachNumbers(t, s, a.ID, "n", 2)
		id, name := src.ID, src.Tables[0].Name
		table := src.Tables[0]
		src.Tables[0].Name = "spoilt"
		for range 2 {
			got, _, err := s.Sources(t.Context(), a.ID)
			ok(t, err)
			if got[0].ID != id || got[0].Tables[0].Name != name {
				t.Errorf("the stored source changed with the caller's: %+v", got[0])
			}
			got[0].ID, got[0].Tables[0].Name = "spoilt", "spoilt"
			res, err := s.QueryRows(t.Context(), all(table))
			ok(t, err)
			same(t, "rows", res.Rows, []deja.Row{{int64(0)}, {int64(1)}})
			res.Rows[0][0], res.Columns[0] = int64(9), "spoilt"
		}
	}},
	{"updates are copies", func(t *testing.T, s deja.Store) {
		a := createAssistant(t, s)
		a.Metadata = map[string]string{"k": "v"}
		ok(t, s.UpdateAssistant(t.Context(), a))
		a.Metadata["k"] = "spoilt"
		got, err := s.Assistant(t.Context(), a.ID)
		ok(t, err)
		same(t, "metadata", got.Metadata, map[string]string{"k": "v"})
	}},
}
