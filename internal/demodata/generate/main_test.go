package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
)

// TestGeneratedFilesAreCommitted holds the files beside this program to be
// what it writes. Workbooks are compared by their cells: their bytes depend on
// the library's version.
func TestGeneratedFilesAreCommitted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := generate(dir); err != nil {
		t.Fatal(err)
	}
	const committed = "../data"
	made, kept := fileNames(t, dir), fileNames(t, committed)
	if !slices.Equal(made, kept) {
		t.Fatalf("the program writes %q, but there are %q", made, kept)
	}
	for _, name := range made {
		want, got := filepath.Join(dir, name), filepath.Join(committed, name)
		if filepath.Ext(name) == ".xlsx" {
			if diff := cmp.Diff(sheets(t, want), sheets(t, got)); diff != "" {
				t.Errorf("%s (-made +committed):\n%s", name, diff)
			}
		} else if !bytes.Equal(content(t, want), content(t, got)) {
			t.Errorf("%s differs; run go generate ./internal/demodata", name)
		}
	}
}

func fileNames(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func content(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sheets(t *testing.T, name string) map[string][][]string {
	t.Helper()
	x, err := excelize.OpenFile(name)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	all := make(map[string][][]string)
	for _, sheet := range x.GetSheetList() {
		if all[sheet], err = x.GetRows(sheet); err != nil {
			t.Fatal(err)
		}
	}
	return all
}
