package openaiapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/dejahq/deja"
)

// Limits of a JSON body's shape. They are far above what clients send; they
// keep a small body from taking a large amount of memory once it is decoded.
const (
	maxDepth    = 64
	maxElements = 200_000
)

// body reads a request's body as a JSON object. No body is an empty object,
// because several calls have optional fields only.
func (a *API) body(r *http.Request) (object, error) {
	if err := wantJSON(r.Header); err != nil {
		return object{}, err
	}
	b, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, a.o.MaxBodyBytes))
	if err != nil {
		return object{}, unreadable(r, err, a.o.MaxBodyBytes)
	}
	return parseObject(b)
}

// wantJSON refuses other media types, and encodings.
func wantJSON(h http.Header) error {
	if e := h.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return reasoned(deja.CodeUnsupported, "unsupported_content_encoding", "Content-Encoding %.40q is not supported; send the body as it is.", e)
	}
	sent := h.Get("Content-Type")
	if sent == "" {
		return nil
	}
	media, params, err := mime.ParseMediaType(sent)
	if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
		return reasoned(deja.CodeUnsupported, "unsupported_media_type", "Content-Type %.80q is not supported here; send application/json.", sent)
	}
	if c := params["charset"]; c != "" && !strings.EqualFold(c, "utf-8") {
		return reasoned(deja.CodeUnsupported, "unsupported_media_type", "The charset %.40q is not supported; send UTF-8.", c)
	}
	return nil
}

// unreadable says why a body could not be read.
func unreadable(r *http.Request, err error, limit int64) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return reasoned(deja.CodeTooLarge, "request_too_large", "The request body is larger than %d bytes.", limit)
	}
	if r.Context().Err() != nil {
		return deja.Wrap(deja.CodeCancelled, err, "The client went away.")
	}
	return deja.Wrap(deja.CodeInvalid, err, "The request body could not be read to its end.")
}

// parseObject reads a JSON object and nothing after it.
func parseObject(b []byte) (object, error) {
	d := &decoding{}
	trimmed := bytes.TrimSpace(b)
	if len(trimmed) == 0 {
		return object{d: d}, nil
	}
	if at := invalidUTF8(b); at >= 0 {
		return object{}, malformed("it is not UTF-8 (%s)", position(b, at))
	}
	if err := checkShape(b); err != nil {
		return object{}, err
	}
	var v json.RawMessage
	if err := json.Unmarshal(b, &v); err != nil {
		return object{}, syntax(b, err)
	}
	if trimmed[0] != '{' {
		return object{}, malformed("it has to be an object, not %s", kindOf(trimmed))
	}
	return value{raw: trimmed, d: d}.object(), nil
}

func malformed(format string, args ...any) *deja.Error {
	return reasoned(deja.CodeInvalid, "invalid_json", "The request body is not what is expected: "+format+".", args...)
}

func syntax(b []byte, err error) error {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return malformed("it is no valid JSON, %s (%s)", e.Error(), position(b, int(e.Offset)-1))
	}
	return malformed("it is no valid JSON")
}

// position gives a byte offset as people count, and as programs do.
func position(b []byte, at int) string {
	at = min(max(at, 0), len(b))
	line := bytes.Count(b[:at], []byte{'\n'}) + 1
	column := utf8.RuneCount(b[bytes.LastIndexByte(b[:at], '\n')+1:at]) + 1
	return fmt.Sprintf("line %d, column %d, byte %d", line, column, at)
}

func invalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for at := 0; ; {
		r, n := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && n <= 1 {
			return at
		}
		at += n
	}
}

// checkShape bounds depth and number of elements before anything is decoded.
// It trusts nothing about the syntax, which is checked afterwards.
func checkShape(b []byte) error {
	depth, elements := 0, 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if depth++; depth > maxDepth {
				return malformed("it is nested deeper than %d levels (%s)", maxDepth, position(b, i))
			}
		case '}', ']':
			depth--
		case ',':
			if elements++; elements > maxElements {
				return malformed("it has more than %d elements", maxElements)
			}
		}
	}
	return nil
}
