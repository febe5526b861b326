package schema

import (
	"archive/zip"
	"context"
	"encoding/xml"
	"io"
	"path"
	"strings"
)

// workbook is an XLSX file (ECMA-376, Office Open XML): a zip archive of XML
// parts. It is read part by part as a stream; only the styles and the shared
// texts stay in memory.
//
// excelize, which can read the format too, gives a stream of formatted texts
// without the types of cells, and takes a part that is cut off for its end.
type workbook struct {
	parts    map[string]*zip.File // by name in lower case
	unzipped int64                // bytes that a part may have unpacked
	cell     int                  // bytes of a value
	epoch    dateEpoch
	styles   []cellStyle
	strings  []string
}

// sheetRef is a sheet as the workbook lists it.
type sheetRef struct {
	name   string
	rel    string
	hidden bool
}

// relation is a reference from one part to another.
type relation struct {
	target string // a part's name
	kind   string // the last word of its type
}

func (f *File) openWorkbook(ctx context.Context, r io.ReaderAt, size int64, o Options, l limits) error {
	z, err := openZip(r, size)
	if err != nil {
		return err
	}
	w := &workbook{parts: make(map[string]*zip.File, len(z.File)), unzipped: l.unzipped, cell: l.cell}
	var total uint64
	for _, part := range z.File {
		if total += part.UncompressedSize64; total > uint64(l.unzipped) || total < part.UncompressedSize64 {
			return tooLarge("the file is too large when it is unpacked")
		}
		w.parts[strings.ToLower(strings.ReplaceAll(part.Name, `\`, "/"))] = part
	}
	sheets, err := w.open()
	if err != nil {
		return err
	}
	taken := make(map[string]bool)
	for _, ref := range sheets {
		if len(f.parts) == o.MaxTables {
			return tooLarge("the file has more than %d sheets", o.MaxTables)
		}
		t, err := w.table(ctx, ref, l)
		if err != nil {
			return err
		}
		if t == nil {
			continue
		}
		l.rows -= t.table.RowCount
		f.add(t, uniqueName(firstOf(slug(ref.name), "sheet"), taken))
	}
	if len(f.parts) == 0 {
		return invalid("the file has no visible sheet with values")
	}
	return nil
}

// open reads everything but the sheets, and lists those that can be seen.
func (w *workbook) open() ([]sheetRef, error) {
	main := "xl/workbook.xml"
	root, err := w.relations("")
	if err != nil {
		return nil, err
	}
	for _, rel := range root {
		if rel.kind == "officeDocument" {
			main = rel.target
		}
	}
	if w.parts[strings.ToLower(main)] == nil || !strings.HasSuffix(main, ".xml") {
		return nil, unsupported("the file is an archive but not an XLSX file; CSV, TSV and XLSX can be read")
	}
	listed, err := w.readMain(main)
	if err != nil {
		return nil, err
	}
	rels, err := w.relations(main)
	if err != nil {
		return nil, err
	}
	for _, rel := range rels {
		switch rel.kind {
		case "styles":
			err = w.readStyles(rel.target)
		case "sharedStrings":
			err = w.readStrings(rel.target)
		}
		if err != nil {
			return nil, err
		}
	}
	var sheets []sheetRef
	for _, s := range listed {
		rel := rels[s.rel]
		if s.hidden || rel.kind != "worksheet" {
			continue // charts and dialogs have no rows
		}
		s.rel = rel.target
		sheets = append(sheets, s)
	}
	return sheets, nil
}

func (w *workbook) readMain(name string) ([]sheetRef, error) {
	part, err := w.part(name)
	if err != nil {
		return nil, err
	}
	defer part.Close()
	var sheets []sheetRef
	isWorkbook := false
	err = part.elements(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "workbook":
			isWorkbook = true
		case "workbookPr":
			if flag(e, "date1904") {
				w.epoch = epoch1904
			}
		case "sheet":
			s := sheetRef{name: attribute(e, "name"), hidden: strings.Contains(strings.ToLower(attribute(e, "state")), "hidden")}
			for _, a := range e.Attr {
				if a.Name.Local == "id" { // r:id; sheetId is another
					s.rel = a.Value
				}
			}
			sheets = append(sheets, s)
		}
		return nil
	})
	if err == nil && !isWorkbook {
		return nil, unsupported("the file is an office document but not an XLSX file; CSV, TSV and XLSX can be read")
	}
	return sheets, err
}

// relations reads what a part refers to, by id. A part without any has none.
func (w *workbook) relations(of string) (map[string]relation, error) {
	dir, base := path.Split(of)
	name := dir + "_rels/" + base + ".rels"
	rels := make(map[string]relation)
	if w.parts[strings.ToLower(name)] == nil {
		return rels, nil
	}
	part, err := w.part(name)
	if err != nil {
		return nil, err
	}
	defer part.Close()
	err = part.elements(func(e xml.StartElement) error {
		if e.Name.Local != "Relationship" || attribute(e, "TargetMode") == "External" {
			return nil
		}
		target := strings.ReplaceAll(attribute(e, "Target"), `\`, "/")
		if absolute, ok := strings.CutPrefix(target, "/"); ok {
			target = path.Clean(absolute)
		} else {
			target = path.Join(dir, target)
		}
		rels[attribute(e, "Id")] = relation{target: target, kind: path.Base(attribute(e, "Type"))}
		return nil
	})
	return rels, err
}

func (w *workbook) part(name string) (*xmlPart, error) {
	f := w.parts[strings.ToLower(name)]
	if f == nil {
		return nil, invalid("the file is damaged: it has no part %s", name)
	}
	return openPart(f, w.unzipped)
}

// readStrings reads the texts that cells refer to by number.
func (w *workbook) readStrings(name string) error {
	part, err := w.part(name)
	if err != nil {
		return err
	}
	defer part.Close()
	total := 0
	return part.elements(func(e xml.StartElement) error {
		if e.Name.Local != "si" {
			return nil
		}
		text, err := part.text(w.cell, "rPh") // not how to pronounce it
		if err != nil {
			return err
		}
		const header = 16 // bytes of a string besides its own
		if total += len(text) + header; total > maxStrings {
			return tooLarge("the file has more than %d bytes of different texts; upload it as CSV", maxStrings)
		}
		w.strings = append(w.strings, cleanText(text))
		return nil
	})
}

// table reads a sheet, nil if there is nothing in it.
func (w *workbook) table(ctx context.Context, ref sheetRef, l limits) (*table, error) {
	s := &sheet{book: w, ref: ref, limits: l}
	for {
		t := &table{reader: s, place: s.place(), grows: true, limits: l}
		found, err := t.infer(ctx)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, nil
		}
		if !s.findMerged(t.layout.line) {
			return t, nil
		}
	}
}
