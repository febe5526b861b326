package dashboard_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/dejahq/deja/internal/dashboard"
)

func get(t *testing.T, page http.Handler, method, path string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	page.ServeHTTP(w, r)
	return w
}

// sources gives the page's files by name.
func sources(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir("page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		found[filepath.ToSlash(strings.TrimPrefix(name, "page"+string(filepath.Separator)))] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func newPage(t *testing.T) *dashboard.Page {
	t.Helper()
	page, err := dashboard.New()
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// Every file is served as what it is, kept by browsers only while it is still
// the same, and under a policy that lets nothing else in.
func TestFilesAreServed(t *testing.T) {
	t.Parallel()
	page := newPage(t)
	for name, content := range sources(t) {
		path := dashboard.Assets + name
		if name == "index.html" {
			path = "/"
		}
		got := get(t, page, http.MethodGet, path, nil)
		if got.Code != http.StatusOK || got.Body.String() != content {
			t.Errorf("%s: status %d, %d bytes of %d", path, got.Code, got.Body.Len(), len(content))
		}
		h := got.Header()
		if h.Get("Content-Type") == "" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %v", path, h)
		}
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy lacks %s: %s", path, want, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") || strings.Contains(csp, "*") {
			t.Errorf("%s: the policy lets others in: %s", path, csp)
		}
		again := get(t, page, http.MethodGet, path, http.Header{"If-None-Match": {h.Get("ETag")}})
		if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%s again: status %d, %d bytes", path, again.Code, again.Body.Len())
		}
	}
}

func TestOtherRequestsAreRefused(t *testing.T) {
	t.Parallel()
	page := newPage(t)
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{http.MethodHead, "/", http.StatusOK},
		{http.MethodPost, "/", http.StatusMethodNotAllowed},
		{http.MethodGet, "/index.html", http.StatusNotFound},
		{http.MethodGet, "/assets/", http.StatusNotFound},
		{http.MethodGet, "/assets/script", http.StatusNotFound},
		{http.MethodGet, "/assets/../dashboard.go", http.StatusNotFound},
		{http.MethodGet, "/assets/index.html", http.StatusNotFound},
	} {
		if got := get(t, page, c.method, c.path, nil); got.Code != c.status {
			t.Errorf("%s %s: status %d, want %d", c.method, c.path, got.Code, c.status)
		}
	}
}

// The page's own text keeps what its policy promises: nothing inline, nothing
// from elsewhere, and no way from text to HTML.
func TestNothingInlineAndNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	all := sources(t)
	for name, refused := range map[string]string{
		"a script without src":   `<script(?:[^s>]|s[^r])*>[^<]`,
		"a style":                `<style|\sstyle=`,
		"an event handler":       `\son[a-z]+=["']`,
		"text that becomes HTML": `\.(?:inner|outer)HTML|insertAdjacentHTML|document\.write|srcdoc|DOMParser|createContextualFragment`,
		"code in a text":         `\beval\(|new Function|setTimeout\(['"\x60]|javascript:`,
		"a file from elsewhere":  `(?:src|href|url\(|import\s|from\s|@import)\s*[=(]?\s*['"]?(?:https?:)?//`,
	} {
		re := regexp.MustCompile(refused)
		for file, content := range all {
			if found := re.FindString(content); found != "" {
				t.Errorf("%s has %s: %s", file, name, found)
			}
		}
	}
}

// What a file names is there: a missing module would leave the page empty.
func TestEveryFileThatIsNamedIsThere(t *testing.T) {
	t.Parallel()
	all := sources(t)
	used := map[string]bool{"index.html": true}
	for file, content := range all {
		for _, m := range regexp.MustCompile(`(?:src|href)="/assets/([^"]+)"`).FindAllStringSubmatch(content, -1) {
			used[m[1]] = true
		}
		for _, m := range regexp.MustCompile(`from '(\.[^']+)'`).FindAllStringSubmatch(content, -1) {
			used[strings.TrimPrefix(filepath.ToSlash(filepath.Join(filepath.Dir(file), m[1])), "./")] = true
		}
	}
	for name := range used {
		if _, ok := all[name]; !ok {
			t.Errorf("%s is named and not there", name)
		}
	}
	for name := range all {
		if !used[name] {
			t.Errorf("%s is there and nobody names it", name)
		}
	}
}
