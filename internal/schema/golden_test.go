package schema

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/dejahq/deja"
)

// sharedData is where data that nobody here wrote is found, beside the
// repository. It is not part of it.
const sharedData = "../../../shared/data"

// readRows reads a CSV file with the standard library.
func readRows(t *testing.T, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(name)
	if os.IsNotExist(err) {
		t.Skipf("%s is absent: it is data of others, kept beside the repository", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := make(map[string]string)
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// openFile opens a file of the disk, which stays open for the test.
func openFile(t *testing.T, name string, o Options) (*File, error) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	o.Filename = filepath.Base(name)
	return Open(t.Context(), f, info.Size(), o)
}

// TestGoldenTypes scores inferred types against those that the publishers of
// 110 files declared. On columns whose text agrees with the declaration
// nothing may be missed; on the others (declared numbers that happen to be
// whole, years, columns without values) the score is reported.
func TestGoldenTypes(t *testing.T) {
	t.Parallel()
	rows := readRows(t, filepath.Join(sharedData, "tables", "golden_types.csv"))
	tables := make(map[string]deja.Table)
	right, all := make(map[string]int), make(map[string]int)
	for _, row := range rows {
		name := row["file"]
		table, ok := tables[name]
		if !ok {
			f, err := openFile(t, filepath.Join(sharedData, "tables", name), Options{})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			table = f.Tables()[0]
			tables[name] = table
			if want := row["rows"]; want != fmt.Sprint(table.RowCount) {
				t.Errorf("%s: %d rows, want %s", name, table.RowCount, want)
			}
		}
		i, err := strconv.Atoi(row["column_index"])
		if err != nil || i >= len(table.Columns) {
			t.Errorf("%s: no column %s", name, row["column_index"])
			continue
		}
		col := table.Columns[i]
		class := row["class"]
		all[class]++
		if string(col.Type) == row["declared_type"] {
			right[class]++
		} else if class == "clear" {
			t.Logf("%s, %q: %s, declared %s; %v", name, col.Name, col.Type, row["declared_type"], col.Examples)
		}
	}
	for class, n := range all {
		t.Logf("%s: %d of %d (%.1f %%)", class, right[class], n, 100*float64(right[class])/float64(n))
	}
	const floor = 0.999
	if got := float64(right["clear"]) / float64(all["clear"]); got < floor {
		t.Errorf("%.2f %% of the clear columns are right; it was %.2f %% or more before", 100*got, 100*floor)
	}
}

// TestGoldenTypesVega scores the CSV and TSV files of the vega collection. Its
// types were inferred by a program as well, with other names for some things:
// it knows no years and no texts that look like numbers.
func TestGoldenTypesVega(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(sharedData, "files")
	tables := make(map[string]map[string]deja.ColumnType)
	right, all := 0, 0
	for _, row := range readRows(t, filepath.Join(dir, "golden_types_vega.csv")) {
		name := row["file"]
		if ext := filepath.Ext(name); ext != ".csv" && ext != ".tsv" {
			continue
		}
		types, ok := tables[name]
		if !ok {
			f, err := openFile(t, filepath.Join(dir, "vega-datasets", name), Options{})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			types = make(map[string]deja.ColumnType)
			for _, c := range f.Tables()[0].Columns {
				types[c.Name] = c.Type
			}
			tables[name] = types
		}
		all++
		column, want := row["field"], row["declared_type"]
		switch got := types[column]; {
		case string(got) == want, got == deja.TypeYear && want == "integer":
			right++
		default:
			t.Logf("%s, %q: %s, declared %s", name, column, got, want)
		}
	}
	const floor = 0.97
	t.Logf("%d of %d", right, all)
	if got := float64(right) / float64(all); got < floor {
		t.Errorf("%.1f %% are right; it was %.1f %% or more before", 100*got, 100*floor)
	}
}
