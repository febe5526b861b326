package cache

import (
	"encoding/json"
	"fmt"
)

// Codec turns values into bytes and back. Decode must not keep or change the
// bytes that it is given.
type Codec[V any] interface {
	Encode(V) ([]byte, error)
	Decode([]byte) (V, error)
}

// codecName is what Inspect calls a codec: by its Name method, if it has one.
func codecName(codec any) string {
	if named, ok := codec.(interface{ Name() string }); ok {
		return named.Name()
	}
	return fmt.Sprintf("%T", codec)
}

// JSON is the default codec: what operators see in Redis can be read.
type JSON[V any] struct{}

// Encode gives v as JSON.
func (JSON[V]) Encode(v V) ([]byte, error) { return json.Marshal(v) }

// Decode reads JSON.
func (JSON[V]) Decode(b []byte) (v V, err error) {
	err = json.Unmarshal(b, &v)
	return v, err
}

// Name is "json".
func (JSON[V]) Name() string { return "json" }

// Text is the codec of strings, stored as they are.
type Text struct{}

// Name is "text".
func (Text) Name() string { return "text" }

// Encode gives the bytes of s.
func (Text) Encode(s string) ([]byte, error) { return []byte(s), nil }

// Decode gives b as a string.
func (Text) Decode(b []byte) (string, error) { return string(b), nil }
