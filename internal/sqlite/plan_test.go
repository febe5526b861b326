package sqlite

import (
	"strings"
	"testing"

	"github.com/dejahq/deja"
)

// Every query of documents finds what it wants by an index, and none sorts
// more than the sources of one assistant.
func TestQueriesUseIndexes(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, err := Open(ctx, Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, p := range []deja.Page{
		{Limit: 5},
		{Limit: 5, Asc: true, After: "x"},
		{Limit: 5, Before: "x"},
		{Limit: 5, After: "x", Before: "y"},
	} {
		s.Assistants(ctx, p)
		s.Messages(ctx, "thread_x", "", p)
		s.Messages(ctx, "thread_x", "run_x", p)
		s.Runs(ctx, "thread_x", p)
	}
	s.Assistant(ctx, "asst_x")
	s.Sources(ctx, "asst_x")
	s.Thread(ctx, "thread_x")
	s.ThreadContext(ctx, "thread_x", 5)
	s.Message(ctx, "thread_x", "msg_x")
	s.Run(ctx, "thread_x", "run_x")

	queries := 0
	s.docs.prepared.Range(func(key, _ any) bool {
		query := key.(string)
		if strings.Contains(query, "FROM source_tables") { // read as a whole by Open
			return true
		}
		queries++
		rows, err := s.docs.readers.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "?"))...)
		if err != nil {
			t.Fatal(err)
		}
		err = eachRow(rows, func(r scanner) error {
			var id, parent, unused int
			var step string
			err := r.Scan(&id, &parent, &unused, &step)
			scan := strings.HasPrefix(step, "SCAN") && !strings.Contains(step, " INDEX ") && !strings.Contains(step, "SUBQUERY")
			sort := strings.Contains(step, "TEMP B-TREE") && !strings.Contains(query, "data_sources")
			if scan || sort {
				t.Errorf("%s\n\t%s", query, step)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return true
	})
	if queries < 15 {
		t.Errorf("only %d queries were looked at", queries)
	}
}
