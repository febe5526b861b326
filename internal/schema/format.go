package schema

import (
	"archive/zip"
	"bytes"
	"io"
	"path"
	"strings"

	"github.com/dejahq/deja"
)

// The formats that can be read, as deja.DataSource.Format names them.
const (
	formatCSV  = "csv"
	formatTSV  = "tsv"
	formatXLSX = "xlsx"
)

// foreign are formats that people upload by mistake, by their first bytes.
var foreign = []struct{ magic, name string }{
	{"%PDF", "a PDF document"},
	{"\xD0\xCF\x11\xE0", "an old or password-protected Excel file; save it as .xlsx without a password"},
	{"PAR1", "a Parquet file"},
	{"SQLite format 3\x00", "a SQLite database"},
	{"\x1F\x8B", "compressed with gzip; upload the file inside it"},
	{"7z\xBC\xAF\x27\x1C", "a 7z archive; upload the file inside it"},
	{"Rar!", "a RAR archive; upload the file inside it"},
	{"ARROW1", "an Arrow file"},
	{"\x89PNG", "a picture"},
	{"\xFF\xD8\xFF", "a picture"},
	{"GIF8", "a picture"},
	{"{\\rtf", "an RTF document"},
	{"<?xml", "XML"},
	{"<!DOCTYPE", "a web page; export the table as CSV"},
	{"<html", "a web page; export the table as CSV"},
}

// findFormat tells a file's format by what is in it; the name only decides
// between texts.
func findFormat(r io.ReaderAt, size int64, filename string) (string, error) {
	head := make([]byte, 64)
	n, err := r.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return "", unreadable(err)
	}
	head = head[:n]
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")) {
		return formatXLSX, nil // or openWorkbook says what it is not
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xEF\xBB\xBF")), " \t\r\n")
	for _, f := range foreign {
		start := text[:min(len(text), len(f.magic))]
		if string(start) == f.magic || f.magic[0] == '<' && strings.EqualFold(string(start), f.magic) {
			return "", unsupported("the file is %s; CSV, TSV and XLSX can be read", f.name)
		}
	}
	switch ext := strings.ToLower(path.Ext(filename)); ext {
	case ".xlsx", ".xlsm":
		return "", invalid("the file is not an XLSX file, whatever its name says")
	case ".json", ".ndjson", ".jsonl", ".parquet", ".sqlite", ".db", ".xls", ".ods", ".numbers":
		return "", unsupported("%s files cannot be read; CSV, TSV and XLSX can", ext)
	case ".tsv", ".tab":
		return formatTSV, nil
	}
	return formatCSV, nil
}

func unsupported(format string, args ...any) error {
	return deja.Errorf(deja.CodeUnsupported, format, args...).WithParam("file")
}

// openZip opens an archive whose directory is of a sane size: each entry of it
// costs memory before anything can be said about it.
func openZip(r io.ReaderAt, size int64) (*zip.Reader, error) {
	const (
		endBytes     = 22 // of the end record, without its comment
		maxComment   = 1 << 16
		maxDirectory = 1 << 20
	)
	tail := make([]byte, min(size, endBytes+maxComment))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return nil, unreadable(err)
	}
	end := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if end < 0 || len(tail)-end < endBytes {
		return nil, invalid("the file is cut off or damaged")
	}
	at := size - int64(len(tail)-end)
	u32 := func(i int) int64 {
		b := tail[end+i:]
		return int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16 | int64(b[3])<<24
	}
	if length, offset := u32(12), u32(16); length > maxDirectory || at-offset > maxDirectory {
		return nil, tooLarge("the file is an archive of too many parts")
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, deja.Wrap(deja.CodeInvalid, err, "the file is cut off or damaged").WithParam("file")
	}
	return z, nil
}
