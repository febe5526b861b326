package client

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

func TestUpload(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		parts, err := r.MultipartReader()
		if err != nil {
			t.Error(err)
			return
		}
		var got []string
		for {
			p, err := parts.NextPart()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Error(err)
				return
			}
			b, _ := io.ReadAll(p)
			got = append(got, p.FormName()+"/"+p.FileName()+"/"+string(b))
		}
		// The name comes first: who streams the file must know it by then.
		if want := `name//Sales "2026"|file/sales "a".csv/a,b` + "\n1,2\n"; strings.Join(got, "|") != want {
			t.Errorf("got %q, want %q", strings.Join(got, "|"), want)
		}
		if r.URL.Path != "/v1/assistants/asst_1/data_sources" || r.Header.Get("Authorization") != "Bearer sk-secret" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		_, _ = io.WriteString(w, `{"id":"src_1","tables":[{"name":"sales","row_count":1,"columns":[{"name":"a","type":"integer"}]}]}`)
	})
	s, err := c.UploadSource(t.Context(), "asst_1", `Sales "2026"`, `sales "a".csv`, strings.NewReader("a,b\n1,2\n"))
	if err != nil || s.ID != "src_1" || s.Tables[0].Columns[0].Type != "integer" {
		t.Errorf("%+v, %v", s, err)
	}
}

// A file that can't be read to its end is never sent as if it were whole.
func TestUploadOfABrokenFile(t *testing.T) {
	t.Parallel()
	whole := make(chan bool, 1)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		whole <- err == nil
	})
	broken := errors.New("broken")
	_, err := c.UploadSource(t.Context(), "asst_1", "", "a.csv", io.MultiReader(strings.NewReader("a,b\n"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	if <-whole {
		t.Error("the server saw the end of a file that was cut")
	}
}

// The server's reason arrives even if it refuses before it has the whole file.
func TestRefusedUpload(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close") // or else the server would wait for the rest of the file
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		_, _ = io.WriteString(w, `{"error":{"message":"Too large.","code":"too_large"}}`)
	})
	file, more := io.Pipe()
	defer more.Close()
	go func() { _, _ = more.Write([]byte("a,b\n")) }()
	_, err := c.UploadSource(t.Context(), "asst_1", "", "a.csv", file)
	if refused, _ := errors.AsType[*Error](err); refused == nil || refused.Code != "too_large" {
		t.Error(err)
	}
}
