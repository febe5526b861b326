package openaiapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"mime/multipart"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/dejahq/deja"
)

// part is a part of a form; with a filename it is a file.
type part struct{ field, filename, content string }

func form(t testing.TB, parts ...part) (body []byte, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		if p.filename == "" {
			check(t, w.WriteField(p.field, p.content))
			continue
		}
		f, err := w.CreateFormFile(p.field, p.filename)
		check(t, err)
		_, err = f.Write([]byte(p.content))
		check(t, err)
	}
	check(t, w.Close())
	return b.Bytes(), w.FormDataContentType()
}

func (s *server) upload(asst string, parts ...part) *reply {
	s.t.Helper()
	body, contentType := form(s.t, parts...)
	return s.do("POST", "/v1/assistants/"+asst+"/data_sources", body, "Content-Type", contentType)
}

const fruit = "name,price,since\napple,1.5,2024-01-02\npear,,2024-03-04\n"

func TestSources(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	asst := s.assistant()
	path := "/v1/assistants/" + asst + "/data_sources"
	if l := s.get(path).ok("ListAssistantsResponse"); len(l.ids()) != 0 {
		t.Errorf("%s", l.body)
	}
	empty := s.get("/v1/assistants/" + asst + "/schema").ok("")
	if diff := cmp.Diff([]any{}, empty.at("tables")); diff != "" || empty.str("object") != "schema" || empty.str("assistant_id") != asst {
		t.Errorf("%s", empty.body)
	}

	// The name may come after the file; other fields are skipped.
	made := s.upload(asst, part{"file", `C:\data\fruit.csv`, fruit}, part{"purpose", "", "x"}, part{"name", "", " Obst & more "}).ok("")
	id := made.str("id")
	for name, want := range (obj{
		"object": "data_source", "assistant_id": asst, "name": "Obst & more", "filename": "fruit.csv", "format": "csv", "bytes": float64(len(fruit)),
	}) {
		if diff := cmp.Diff(want, made.at(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if made.at("tables.0.row_count") != 2.0 || made.str("tables.0.columns.1.type") != "number" || made.at("tables.0.columns.1.nullable") != true {
		t.Errorf("%s", made.body)
	}
	if made.str("tables.0.source_id") != id {
		t.Errorf("%s", made.body)
	}
	if got := s.get(path + "/" + id).ok(""); string(got.body) != string(made.body) {
		t.Errorf("made %s, got %s", made.body, got.body)
	}
	second := s.upload(asst, part{"file", "second.csv", "a;b\n1;2\n"}).ok("")
	if second.str("name") != "second" {
		t.Errorf("%s", second.body)
	}
	if diff := cmp.Diff([]string{second.str("id"), id}, s.get(path).ok("").ids()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{id}, s.get(path+"?limit=1&order=asc").ok("").ids()); diff != "" {
		t.Error(diff)
	}

	schema := s.get("/v1/assistants/" + asst + "/schema").ok("")
	if schema.at("tables").([]any)[1] == nil || schema.str("tables.0.source_id") != id || schema.at("version") != 3.0 {
		t.Errorf("%s", schema.body)
	}
	if got := s.get("/v1/assistants/" + asst + "/schema").ok(""); got.header.Get("X-Deja-Cache") != "hit" || got.header.Get("X-Deja-Cache-Key") != "schema:"+asst {
		t.Errorf("%v", got.header)
	}

	taken := s.upload(asst, part{"file", "fruit.csv", fruit}, part{"name", "", "second"}).refused(409, "name", "name_taken")
	if taken.header.Get("X-Should-Retry") != "false" {
		t.Error("clients retry a taken name")
	}
	deleted := s.remove(path + "/" + id).ok("")
	if diff := cmp.Diff(obj{"id": id, "object": "data_source.deleted", "deleted": true}, plain(t, json.RawMessage(deleted.body))); diff != "" {
		t.Error(diff)
	}
	s.get(path+"/"+id).refused(404, "", "not_found")
	s.remove(path+"/"+id).refused(404, "", "not_found")
	if got := s.get("/v1/assistants/" + asst + "/schema").ok(""); len(got.at("tables").([]any)) != 1 {
		t.Errorf("the schema still has what was deleted: %s", got.body)
	}
	s.gone(2) // the refused one and the deleted one
}

// gone holds that of all imported tables so many have no rows any more.
func (s *server) gone(want int) {
	s.t.Helper()
	n := 0
	for _, table := range s.store.imported() {
		_, err := s.store.QueryRows(s.t.Context(), deja.Query{Table: table, Limit: 1})
		switch deja.ErrorCode(err) {
		case "":
		case deja.CodeNotFound:
			n++
		default:
			s.t.Error(err)
		}
	}
	if n != want {
		s.t.Errorf("%d tables are gone, want %d of %d", n, want, len(s.store.imported()))
	}
}

// record is a store that remembers which tables were imported and which
// threads were created, so that a test can look for what should not be there.
type record struct {
	deja.Store
	mu      sync.Mutex
	tables  []deja.Table
	threads []string
}

func (s *record) CreateThread(ctx context.Context, t *deja.Thread) error {
	s.mu.Lock()
	s.threads = append(s.threads, t.ID)
	s.mu.Unlock()
	return s.Store.CreateThread(ctx, t)
}

func (s *record) ImportRows(ctx context.Context, t deja.Table, rows iter.Seq2[deja.Row, error]) (int64, error) {
	s.mu.Lock()
	s.tables = append(s.tables, t)
	s.mu.Unlock()
	return s.Store.ImportRows(ctx, t, rows)
}

func (s *record) imported() []deja.Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tables
}

func TestWorkbook(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	book := excelize.NewFile()
	check(t, book.SetSheetName("Sheet1", "Cities"))
	_, err := book.NewSheet("Rivers")
	check(t, err)
	for sheet, rows := range map[string][][]any{
		"Cities": {{"city", "people"}, {"Oslo", 700000}, {"Bergen", 290000}},
		"Rivers": {{"river", "km"}, {"Glomma", 621.5}},
	} {
		for i, row := range rows {
			check(t, book.SetSheetRow(sheet, fmt.Sprintf("A%d", i+1), &row))
		}
	}
	var b bytes.Buffer
	check(t, book.Write(&b))
	asst := s.assistant()
	made := s.upload(asst, part{"file", "norway.xlsx", b.String()}).ok("")
	if made.str("format") != "xlsx" || len(made.at("tables").([]any)) != 2 || made.str("tables.0.columns.1.type") != "integer" {
		t.Errorf("%s", made.body)
	}
}

// TestRefusedUploads holds that nothing of a refused file stays.
func TestRefusedUploads(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	asst := s.assistant()
	file := func(content string) []part { return []part{{"file", "a.csv", content}} }
	for name, c := range map[string]struct {
		parts  []part
		status int
		param  string
	}{
		"no file":         {[]part{{"name", "", "n"}}, 400, "file"},
		"text as file":    {[]part{{"file", "", fruit}}, 400, "file"},
		"two files":       {append(file(fruit), file(fruit)...), 400, "file"},
		"empty file":      {file(""), 400, "file"},
		"too large":       {file("a,b\n" + strings.Repeat("1,2\n", maxUpload/4)), 413, "file"},
		"too many rows":   {file("a,b\n" + strings.Repeat("1,2\n", maxRows+1)), 413, "file"},
		"too many fields": {file("a,b\n1,2\n1,2,3,4\n"), 400, "file"},
		"open quote":      {file("a,b\n\"1,2\n3,4\n"), 400, "file"},
		"binary":          {[]part{{"file", "a.csv", "\x00\x01\x02\xff\xfe\x00,\n\x00\x00"}}, 400, "file"},
		"a picture":       {[]part{{"file", "a.png", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"}}, 415, "file"},
		"broken workbook": {[]part{{"file", "a.xlsx", "PK\x03\x04 no archive"}}, 400, "file"},
		"no workbook":     {[]part{{"file", "a.xlsx", fruit}}, 400, "file"},
		"long name":       {append(file(fruit), part{"name", "", strings.Repeat("n", 257)}), 400, "name"},
		"very long name":  {append(file(fruit), part{"name", "", strings.Repeat("n", 100000)}), 400, "name"},
		"control in name": {append(file(fruit), part{"name", "", "a\x00b"}), 400, "name"},
		"not UTF-8 name":  {append(file(fruit), part{"name", "", "a\xff"}), 400, "name"},
		"long filename":   {[]part{{"file", strings.Repeat("f", 300) + ".csv", fruit}}, 400, "file"},
	} {
		r := s.upload(asst, c.parts...)
		if r.status < 400 || r.status > 499 || c.status != 0 && r.status != c.status {
			t.Errorf("%s: %d %s", name, r.status, r.body)
			continue
		}
		if param, _ := r.at("error.param").(string); c.status != 0 && param != c.param {
			t.Errorf("%s: %s", name, r.body)
		}
	}
	s.upload(asst, file(strings.Repeat("1,2\n", maxUpload/2))...).refused(413, "file", "file_too_large")
	body, contentType := form(t, file(fruit)...)
	path := "/v1/assistants/" + asst + "/data_sources"
	s.do("POST", path, body[:len(body)-30], "Content-Type", contentType).refused(400, "", "invalid_form")
	s.do("POST", path, "no form", "Content-Type", contentType).refused(400, "", "invalid_form")
	s.do("POST", path, body, "Content-Type", "multipart/form-data").refused(415, "", "unsupported_media_type")
	s.do("POST", path, fruit, "Content-Type", "text/csv").refused(415, "", "unsupported_media_type")
	s.do("POST", "/v1/assistants/asst_unknown/data_sources", body, "Content-Type", contentType).refused(404, "", "not_found")

	if l := s.get(path).ok(""); len(l.ids()) != 0 {
		t.Errorf("refused files were attached: %s", l.body)
	}
	if got := s.get("/v1/assistants/" + asst + "/schema").ok(""); got.at("version") != 1.0 {
		t.Errorf("%s", got.body)
	}
	s.gone(len(s.store.imported()))
}

// TestUploadChangesAnswers holds that an answer made before a file came is not
// given after it.
func TestUploadChangesAnswers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	asst := s.assistant(obj{"cache": obj{"policy": "assistant"}})
	ask := func() string { return s.post(chat, question(asst)).ok("").header.Get("X-Deja-Cache") }
	got := []string{ask(), ask()}
	source := s.upload(asst, part{"file", "fruit.csv", fruit}).ok("").str("id")
	got = append(got, ask(), ask())
	s.remove("/v1/assistants/" + asst + "/data_sources/" + source).ok("")
	got = append(got, ask())
	if diff := cmp.Diff([]string{"miss", "hit", "miss", "hit", "miss"}, got); diff != "" {
		t.Error(diff)
	}
}
