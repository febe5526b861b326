package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/dejahq/deja"
)

// What the first release wrote is read by this one, and brought up to date.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old, err := openDatabase(t.Context(), filepath.Join(dir, "deja.db"), docMigrations[:1], 1)
	if err != nil {
		t.Fatal(err)
	}
	err = old.writer.transact(t.Context(), func(t *tx) error {
		_, err := t.exec("INSERT INTO threads (" + threadColumns + ") VALUES ('thread_1', 1, 7, NULL, NULL, 0, '', 0)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := old.close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if th, err := s.Thread(t.Context(), "thread_1"); err != nil || th.Version != 7 {
		t.Errorf("%+v, %v", th, err)
	}
	if err := s.SaveDay(t.Context(), deja.DayShare{Node: "a", Seq: 1, DayTotals: deja.DayTotals{Day: "2026-11-23", Hits: 1}}); err != nil {
		t.Error(err)
	}
}
