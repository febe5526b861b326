package storetest

import (
	"strings"
	"testing"

	"github.com/dejahq/deja"
)

// strangeIDs are what clients may send for an id.
var strangeIDs = []string{
	"", " ", "x", "asst_", "asst_' OR '1'='1", "thread_%", `{"$ne":null}`, "$ne", "a.b", "../../etc/passwd", "asst_\x00", "asst_é", "null", "-1",
	"thread_" + strings.Repeat("x", 10_000),
}

var missingTests = []storeTest{
	{"unknown ids", func(t *testing.T, s deja.Store) {
		populate(t, s)
		for _, c := range calls("asst_none", "src_none", "tbl_none", "thread_none", "msg_none", "run_none") {
			if err := c.do(t.Context(), s); deja.ErrorCode(err) != deja.CodeNotFound {
				t.Errorf("%s of nothing: %v, want %s", c.method, err, deja.CodeNotFound)
			}
		}
	}},
	{"strange ids", func(t *testing.T, s deja.Store) {
		populate(t, s)
		for _, id := range strangeIDs {
			for _, c := range calls(id, id, id, id, id, id) {
				if err := c.do(t.Context(), s); deja.ErrorCode(err) != deja.CodeNotFound {
					t.Errorf("%s of %.30q: %v, want %s", c.method, id, err, deja.CodeNotFound)
				}
			}
		}
	}},
	{"unknown parts of what is there", func(t *testing.T, s deja.Store) {
		p, other := populate(t, s), populate(t, s)
		for _, ids := range []populated{
			{p.assistant, "src_none", "tbl_none", p.thread, "msg_none", "run_none"},
			{p.assistant, other.source, "tbl_none", p.thread, other.message, other.run},
		} {
			for _, c := range ids.calls() {
				switch c.method {
				case "DetachSource", "Message", "UpdateMessage", "DeleteMessage", "Run", "UpdateRun":
					if err := c.do(t.Context(), s); deja.ErrorCode(err) != deja.CodeNotFound {
						t.Errorf("%s(%+v): %v, want %s", c.method, ids, err, deja.CodeNotFound)
					}
				}
			}
		}
		for _, c := range other.calls() {
			ok(t, c.do(t.Context(), s)) // all of it is still there
		}
	}},
	{"what is there", func(t *testing.T, s deja.Store) {
		for _, c := range populate(t, s).calls() {
			if err := c.do(t.Context(), s); err != nil {
				t.Errorf("%s: %v", c.method, err)
			}
		}
	}},
	{"messages", func(t *testing.T, s deja.Store) {
		p := populate(t, s)
		for want, f := range map[string]func() error{
			"No assistant found with id 'asst_x'.": func() error {
				_, err := s.Assistant(t.Context(), "asst_x")
				return err
			},
			"No thread found with id 'thread_x'.": func() error {
				_, err := s.Thread(t.Context(), "thread_x")
				return err
			},
			"No thread found with id 'thread_y'.": func() error {
				_, err := s.Messages(t.Context(), "thread_y", "", deja.Page{Limit: 1})
				return err
			},
			"No message found with id 'msg_x'.": func() error {
				_, err := s.Message(t.Context(), p.thread, "msg_x")
				return err
			},
			"No run found with id 'run_x'.": func() error {
				_, err := s.Run(t.Context(), p.thread, "run_x")
				return err
			},
			"No data source found with id 'src_x'.": func() error {
				_, err := s.DetachSource(t.Context(), p.assistant, "src_x")
				return err
			},
		} {
			same(t, "message", deja.ErrorMessage(f()), want)
		}
	}},
}

// populated names one of everything in a store.
type populated struct{ assistant, source, table, thread, message, run string }

func (p populated) calls() []call {
	return calls(p.assistant, p.source, p.table, p.thread, p.message, p.run)
}

// populate stores one of everything.
func populate(t testing.TB, s deja.Store) populated {
	t.Helper()
	a, th := createAssistant(t, s), createThread(t, s)
	src := attachNumbers(t, s, a.ID, "n", 3)
	m := appendTexts(t, s, th.ID, "text")[0]
	r := createRun(t, s, th.ID, sampleTime())
	return populated{a.ID, src.ID, src.Tables[0].ID, th.ID, m.ID, r.ID}
}
