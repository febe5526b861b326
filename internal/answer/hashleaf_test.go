package answer

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/dejahq/deja"
)

// TestHashCoversEveryLeaf changes every value that is anywhere in a request,
// one at a time, and the number of elements of every list: each must change the
// hash. It finds the fields by reflection, so that one that is added to a
// message, a part, a tool or a call, cannot be forgotten.
func TestHashCoversEveryLeaf(t *testing.T) {
	t.Parallel()
	full := func() *hashed {
		h := &hashed{}
		h.Assistant.ID, h.Assistant.Version, h.Schema.Version = "asst_1", 1, 1
		fill(reflect.ValueOf(&h.Request).Elem())
		return h
	}
	plain := full().hash(t)
	seen := map[string]string{plain: "the request itself"}
	for n := 0; ; n++ {
		h, at := full(), 0
		var changed string
		alter(reflect.ValueOf(&h.Request).Elem(), "Request", func(path string, change func()) {
			if at == n {
				changed = path
				change()
			}
			at++
		})
		if changed == "" {
			if n < 40 {
				t.Errorf("only %d changes: the walk misses most of a request", n)
			}
			return
		}
		hash := h.hash(t)
		// Fallbacks are no part of what is asked; they change with the
		// assistant's version.
		if strings.HasPrefix(changed, "Request.Fallbacks") {
			if hash != plain {
				t.Errorf("%s changes the hash", changed)
			}
			continue
		}
		if other, ok := seen[hash]; ok {
			t.Errorf("%s: the same hash as %s", changed, other)
		}
		seen[hash] = changed
	}
}

// alter offers every change of one value to at; at most one is made.
func alter(v reflect.Value, path string, at func(path string, change func())) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			alter(v.Field(i), path+"."+v.Type().Field(i).Name, at)
		}
	case reflect.Pointer:
		alter(v.Elem(), path, at)
		at(path+" unset", v.SetZero)
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			at(path, func() { v.SetBytes([]byte(`{"a":2}`)) })
			at(path+" unset", v.SetZero)
			return
		}
		for i := range v.Len() {
			alter(v.Index(i), fmt.Sprintf("%s[%d]", path, i), at)
		}
		at(path+" one more", func() { v.Set(reflect.Append(v, v.Index(0))) })
		at(path+" empty", v.SetZero)
	case reflect.String:
		at(path, func() { v.SetString(v.String() + "y") })
	case reflect.Int, reflect.Int64:
		at(path, func() { v.SetInt(v.Int() + 1) })
	case reflect.Float64:
		at(path, func() { v.SetFloat(v.Float() + 0.25) })
	case reflect.Bool:
		at(path, func() { v.SetBool(!v.Bool()) })
	default:
		panic("no way to alter a " + v.Kind().String())
	}
}

// TestHashCoversTheAssistant: of the assistant the hash has the id and the
// version, which each change of it raises; a schema has its version.
func TestHashCoversTheAssistant(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, id := range []string{"asst_1", "asst_2"} {
		for version := range int64(2) {
			for schema := range int64(2) {
				h := hashed{Assistant: deja.Assistant{ID: id, Version: version}, Schema: deja.Schema{Version: schema}}
				name := fmt.Sprint(id, version, schema)
				if other, ok := seen[h.hash(t)]; ok {
					t.Errorf("%s has the hash of %s", name, other)
				}
				seen[h.hash(t)] = name
			}
		}
	}
}
