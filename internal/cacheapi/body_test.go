package cacheapi

import (
	"encoding/json"
	"testing"

	"github.com/dejahq/deja"
)

// Whatever is sent: no panic, faults are the client's, and only what was
// named in full gets through.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"type":"all"}`, `{"type":"assistant","assistantId":"asst_1"}`, `{"type":"thread","threadId":"thread_1"}`,
		`{"type":"all","assistantId":"asst_1"}`, `{"action":"warmup","assistantIds":["asst_1"]}`, `{"action":null}`, `[]`, `{"type":"a`, "\xff{}",
	} {
		f.Add([]byte(seed))
	}
	a := &API{}
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := parseBody(in)
		if err != nil {
			if deja.ErrorCode(err) != deja.CodeInvalid {
				t.Fatalf("%q: %v", in, err)
			}
			return
		}
		if !json.Valid(in) {
			t.Fatalf("%q is taken for JSON", in)
		}
		if ids, err := b.texts("assistantIds", 3); err == nil && (len(ids) == 0 || len(ids) > 3) {
			t.Fatalf("%q gives %d ids", in, len(ids))
		}
		kind, err := b.text("type")
		if err != nil {
			return
		}
		_, _, err = a.invalidation(kind, b)
		if err != nil && deja.ErrorCode(err) != deja.CodeInvalid {
			t.Fatalf("%q: %v", in, err)
		}
		if err == nil && kind == "all" && len(b) != 1 {
			t.Fatalf("%q empties the whole cache", in)
		}
	})
}
