package schema

import (
	"context"
	"io"
	"iter"
	"path"
	"strings"

	"github.com/dejahq/deja"
)

// Options say how much of a file is accepted. A zero limit takes its default.
type Options struct {
	Filename string // as uploaded; its ending tells CSV from TSV where the content does not
	Name     string // of the source; a table that has no name of its own is called so

	MaxBytes    int64 // of the file; default 64 MiB
	MaxUnzipped int64 // of an XLSX file's parts together, unpacked; default 1 GiB
	MaxRows     int64 // of all tables together; default 1,000,000
	MaxColumns  int   // of a table; default 1,000
	MaxCell     int   // bytes of a value; default 256 KiB
	MaxTables   int   // of a file; default 50
}

// limits are the options that bound one table.
type limits struct {
	rows     int64
	columns  int
	cell     int
	unzipped int64
}

const (
	maxRow     = 8 << 20  // bytes of a row, which a document of MongoDB must hold
	maxStrings = 96 << 20 // bytes of an XLSX file's distinct texts, which are kept in memory
)

func (o Options) withDefaults() (Options, error) {
	if o.MaxBytes < 0 || o.MaxUnzipped < 0 || o.MaxRows < 0 || o.MaxColumns < 0 || o.MaxCell < 0 || o.MaxTables < 0 {
		return o, deja.Errorf(deja.CodeInternal, "schema: a limit is negative")
	}
	setDefault(&o.MaxBytes, 64<<20)
	setDefault(&o.MaxUnzipped, 1<<30)
	setDefault(&o.MaxRows, 1_000_000)
	setDefault(&o.MaxColumns, 1000)
	setDefault(&o.MaxCell, 256<<10)
	setDefault(&o.MaxTables, 50)
	return o, nil
}

func setDefault[T int | int64](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// File is an uploaded file whose tables are known. It holds no resources
// except memory, and reads the io.ReaderAt that it was opened on, which must
// stay open and unchanged. It is safe for concurrent use if that is.
type File struct {
	format string
	tables []deja.Table
	parts  []*table
}

// Open reads a file and finds out its tables and the types of their columns.
// Errors have the codes CodeInvalid (the file is damaged, or its rows do not
// agree with its header; the message says where), CodeTooLarge (over a limit),
// CodeUnsupported (another format) and CodeCancelled.
func Open(ctx context.Context, r io.ReaderAt, size int64, o Options) (*File, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	switch {
	case size > o.MaxBytes:
		return nil, tooLarge("the file has %d bytes; at most %d are accepted", size, o.MaxBytes)
	case size <= 0:
		return nil, invalid("the file is empty")
	}
	f := &File{}
	if f.format, err = findFormat(r, size, o.Filename); err != nil {
		return nil, err
	}
	l := limits{rows: o.MaxRows, columns: o.MaxColumns, cell: o.MaxCell, unzipped: o.MaxUnzipped}
	if f.format == formatXLSX {
		err = f.openWorkbook(ctx, r, size, o, l)
	} else {
		err = f.openText(ctx, r, size, o, l)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) openText(ctx context.Context, r io.ReaderAt, size int64, o Options, l limits) error {
	text, err := openText(ctx, r, size)
	if err != nil {
		return err
	}
	d, err := findDialect(text, f.format, l)
	if err != nil {
		return err
	}
	if f.format == formatCSV && d.delimiter == '\t' {
		f.format = formatTSV
	}
	t := &table{
		reader: &csvText{file: text, delimiter: d.delimiter, literal: d.literal, limits: l}, delimiter: d.delimiter,
		place: "line", limits: l,
	}
	found, err := t.infer(ctx)
	if err != nil {
		return err
	}
	if !found {
		return invalid("the file has no rows")
	}
	f.add(t, firstOf(slug(o.Name), slug(strings.TrimSuffix(o.Filename, path.Ext(o.Filename))), "table"))
	return nil
}

func firstOf(names ...string) string {
	for _, name := range names {
		if name != "" {
			return name
		}
	}
	return ""
}

func (f *File) add(t *table, name string) {
	t.table.ID = deja.NewID(deja.TablePrefix)
	t.table.Name = name
	f.parts = append(f.parts, t)
	f.tables = append(f.tables, t.table)
}

// Format is "csv", "tsv" or "xlsx".
func (f *File) Format() string { return f.format }

// Tables gives the file's tables, complete but for their SourceID.
func (f *File) Tables() []deja.Table { return f.tables }

// Rows reads the rows of the table at position i, typed as its columns say.
// An error is the last element. Each row is the caller's own.
func (f *File) Rows(i int) iter.Seq2[deja.Row, error] { return f.parts[i].rows() }
