// Package dashboard serves the page at / : one HTML file with its styles,
// scripts and icon, hand-written and embedded. The page shows what the other
// APIs tell, /api/cache and /v1, in the browser of whoever opened it; it holds
// no data and no secret itself, so it is served to everybody, and the page
// asks for an API key when the APIs do.
//
// Nothing comes from elsewhere, and a strict Content-Security-Policy (with
// Trusted Types) keeps it so: only the page's own files run, no inline script
// or style, no frame, and no text becomes HTML.
package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// files are the page; Assets names the path under which they are served.
//
//go:embed page
var files embed.FS

// Assets is the path, besides / itself, under which a Page answers.
const Assets = "/assets/"

// types are the content types of the page's files. The tables of the operating
// system are not asked: they differ, and nosniff makes a wrong one fatal.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Page answers GET and HEAD for / and everything under Assets. Safe for
// concurrent use.
type Page struct {
	files map[string]file // by URL path
}

type file struct {
	content []byte
	mime    string
	tag     string
}

// New reads the embedded files.
func New() (*Page, error) {
	p := &Page{files: make(map[string]file)}
	err := fs.WalkDir(files, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		url := Assets + strings.TrimPrefix(name, "page/")
		if name == "page/index.html" {
			url = "/"
		}
		p.files[url] = file{content: b, mime: types[path.Ext(name)], tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
		return nil
	})
	return p, err
}

// ServeHTTP serves a file. Browsers keep it and ask each time whether it is
// still the same, so that page and server are never of two releases.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "The page can only be read.", http.StatusMethodNotAllowed)
		return
	}
	f, ok := p.files[r.URL.Path]
	if !ok {
		http.Error(w, "The page has no such file.", http.StatusNotFound)
		return
	}
	h.Set("Content-Type", f.mime)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
}
