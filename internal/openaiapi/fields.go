package openaiapi

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of the public API, in characters or elements.
const (
	maxName         = 256
	maxDescription  = 512
	maxInstructions = 256_000
	maxModelName    = 256
	maxText         = 256_000 // of one text part of a thread's message

	maxMetadata      = 16
	maxMetadataKey   = 64
	maxMetadataValue = 512

	maxAssistantTools = 128
	maxRunTools       = 20
)

// efforts are the values of reasoning_effort.
var efforts = []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}

// metadata reads the 16 pairs that a client may hang on most things.
func (v value) metadata() map[string]string {
	if v.null() {
		return nil
	}
	o := v.object()
	if len(o.fields) > maxMetadata {
		v.fail("object_above_max_properties", "can have %d pairs at most; it has %d", maxMetadata, len(o.fields))
		return nil
	}
	m := make(map[string]string, len(o.fields))
	for _, key := range slices.Sorted(maps.Keys(o.fields)) {
		if utf8.RuneCountInString(key) > maxMetadataKey {
			v.fail("string_above_max_length", "can have keys of %d characters at most", maxMetadataKey)
			return nil
		}
		if strings.ContainsRune(key, 0) {
			v.fail("invalid_value", "must not have a NUL character in a key")
			return nil
		}
		field, _ := o.get(key)
		m[key] = field.text(maxMetadataValue)
	}
	return m
}

// readMetadata reads a body that changes metadata only, if it does.
func readMetadata(o object) (m map[string]string, given bool, err error) {
	v, given := o.get("metadata")
	if given {
		m = v.metadata()
	}
	return m, given, o.err()
}

// modelName reads the name of a model.
func (a *API) modelName(v value) string {
	name := v.some(maxModelName)
	if name != "" && len(a.o.Models) > 0 && !slices.Contains(a.o.Models, name) {
		v.fail("model_not_found", "names a model that is not offered here: '%.64s'", name)
	}
	return name
}

// responseFormat reads how the answer has to look. The "auto" of assistants is
// the same as nothing, and models' servers don't know the word.
func (v value) responseFormat(autoAllowed bool) json.RawMessage {
	if v.null() || autoAllowed && string(v.raw) == `"auto"` {
		return nil
	}
	o := v.object()
	if t, ok := o.need("type"); ok && t.choice("text", "json_object", "json_schema") == "json_schema" {
		if s, ok := o.need("json_schema"); ok {
			s := s.object()
			if name, ok := s.need("name"); ok {
				name.functionName()
			}
			if d, ok := s.opt("description"); ok {
				d.text(0)
			}
			if schema, ok := s.opt("schema"); ok {
				schema.object()
			}
			if strict, ok := s.opt("strict"); ok {
				strict.boolean()
			}
		}
	}
	return v.keep()
}

// toolResources reads the files and stores of OpenAI's own tools. deja has
// none of these tools, so it keeps what is sent; it creates nothing for it.
func (v value) toolResources() json.RawMessage {
	if v.null() {
		return nil
	}
	o := v.object()
	ids := func(tool, field string, limit int) {
		t, ok := o.opt(tool)
		if !ok {
			return
		}
		if list, ok := t.object().opt(field); ok {
			for _, id := range list.array(limit) {
				id.some(maxName)
			}
		}
	}
	ids("code_interpreter", "file_ids", 20)
	ids("file_search", "vector_store_ids", 1)
	if t, ok := o.opt("file_search"); ok {
		if stores, ok := t.object().opt("vector_stores"); ok {
			stores.fail("unsupported_parameter", "is not supported: deja has data sources instead of vector stores")
		}
	}
	return v.keep()
}
