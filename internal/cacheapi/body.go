package cacheapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/dejahq/deja"
)

// maxBody is enough for the most ids that a warm-up takes.
const maxBody = 1 << 20

// body is a JSON object of a request. Names are matched exactly, unlike in
// encoding/json: a misspelt field of an invalidation must not pass.
type body map[string]json.RawMessage

func readBody(w http.ResponseWriter, r *http.Request) (body, error) {
	if err := wantJSON(r.Header.Get("Content-Type")); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, deja.Errorf(deja.CodeTooLarge, "The request body is larger than %d bytes.", maxBody)
	}
	if err != nil {
		return nil, deja.Wrap(deja.CodeInvalid, err, "The request body could not be read to its end.")
	}
	return parseBody(b)
}

func wantJSON(contentType string) error {
	if contentType == "" {
		return nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
		return deja.Errorf(deja.CodeUnsupported, "Content-Type %.80q is not supported here; send application/json.", contentType)
	}
	return nil
}

func parseBody(b []byte) (body, error) {
	trimmed := bytes.TrimSpace(b)
	if len(trimmed) == 0 {
		return nil, deja.Errorf(deja.CodeInvalid, "The request body is empty; send a JSON object.")
	}
	if !json.Valid(trimmed) {
		return nil, deja.Errorf(deja.CodeInvalid, "The request body is no valid JSON.")
	}
	if trimmed[0] != '{' {
		return nil, deja.Errorf(deja.CodeInvalid, "The request body has to be a JSON object.")
	}
	var fields body
	if err := json.Unmarshal(trimmed, &fields); err != nil {
		return nil, deja.Wrap(deja.CodeInvalid, err, "The request body cannot be read.")
	}
	for name, v := range fields {
		if string(v) == "null" {
			delete(fields, name)
		}
	}
	return fields, nil
}

// only refuses fields other than those named.
func (b body) only(names ...string) error {
	for name := range b {
		if !slices.Contains(names, name) {
			return deja.Errorf(deja.CodeInvalid, "The field %.80q is not known here; known are: %s.", name, strings.Join(names, ", "))
		}
	}
	return nil
}

// text gives a string that has to be there and must not be empty.
func (b body) text(name string) (string, error) {
	raw, ok := b[name]
	if !ok {
		return "", deja.Errorf(deja.CodeInvalid, "The field %q is missing.", name)
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", deja.Errorf(deja.CodeInvalid, "The field %q has to be a string.", name)
	}
	if s == "" {
		return "", deja.Errorf(deja.CodeInvalid, "The field %q must not be empty.", name)
	}
	return s, nil
}

// texts gives a list of 1 to limit strings that has to be there.
func (b body) texts(name string, limit int) ([]string, error) {
	raw, ok := b[name]
	if !ok {
		return nil, deja.Errorf(deja.CodeInvalid, "The field %q is missing.", name)
	}
	var list []*string // pointers tell null from ""
	if json.Unmarshal(raw, &list) != nil || slices.Contains(list, nil) {
		return nil, deja.Errorf(deja.CodeInvalid, "The field %q has to be a list of strings.", name)
	}
	if len(list) == 0 {
		return nil, deja.Errorf(deja.CodeInvalid, "The field %q must not be empty.", name)
	}
	if len(list) > limit {
		return nil, deja.Errorf(deja.CodeInvalid, "The field %q has %d entries; %d are the most.", name, len(list), limit)
	}
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = *s
	}
	return texts, nil
}
