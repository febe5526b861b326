package client

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestServerTiming(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]Span{
		"": nil,
		`assistant_data;desc="memory";dur=0.03, schema;desc="load";dur=12`: {
			{Name: "assistant_data", Description: "memory", Duration: 30 * time.Microsecond},
			{Name: "schema", Description: "load", Duration: 12 * time.Millisecond},
		},
		"a":                          {{Name: "a"}},
		" a ; dur = 1.5 ; Desc=x ,b": {{Name: "a", Duration: 1500 * time.Microsecond, Description: "x"}, {Name: "b"}},
		`a;desc="x, y; \"z\"\\";n=1`: {{Name: "a", Description: `x, y; "z"\`, Params: map[string]string{"n": "1"}}},
		"a;dur=much":                 {{Name: "a"}},
		"a;dur=-1,b;dur=NaN":         {{Name: "a"}, {Name: "b"}},
		",,;dur=1,a":                 {{Name: "a"}},
		`a;desc="open`:               {{Name: "a", Description: `"open`}},
	} {
		if d := cmp.Diff(want, parseServerTiming([]string{in})); d != "" {
			t.Errorf("%q: %s", in, d)
		}
	}
	if got := parseServerTiming([]string{"a", "b"}); len(got) != 2 {
		t.Errorf("two headers give %v", got)
	}
}

func FuzzServerTiming(f *testing.F) {
	f.Add(`a;desc="b";dur=1, c`)
	f.Add(`a;desc="\",;`)
	f.Add(`a;b=;c="";=d`)
	f.Fuzz(func(t *testing.T, in string) {
		for _, s := range parseServerTiming([]string{in}) {
			if s.Name == "" || s.Duration < 0 || strings.TrimSpace(s.Name) != s.Name {
				t.Errorf("%q gives %+v", in, s)
			}
			// What was read can be written and read again.
			again := parseServerTiming([]string{s.Name + `;desc="` + escaper.Replace(s.Description) + `"`})
			if !strings.ContainsAny(s.Name, `"=\`) && (len(again) != 1 || again[0].Description != s.Description) {
				t.Errorf("%+v comes back as %+v", s, again)
			}
		}
	})
}

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func TestReadInfo(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	h.Set("X-Deja-Cache", "hit")
	h.Set("X-Deja-Cache-Key", "message:thread_1:abc")
	h.Set("Age", "90")
	h.Set("X-Request-Id", "req_1")
	h.Set("Server-Timing", `message;desc="redis";dur=1`)
	want := Info{
		Outcome: Hit, Key: "message:thread_1:abc", Age: 90 * time.Second, RequestID: "req_1",
		Timing: []Span{{Name: "message", Description: "redis", Duration: time.Millisecond}},
	}
	if d := cmp.Diff(want, readInfo(h)); d != "" {
		t.Error(d)
	}
	for _, age := range []string{"", "-1", "x", "99999999999999999999"} {
		h.Set("Age", age)
		if got := readInfo(h).Age; got != 0 {
			t.Errorf("an age of %q is read as %v", age, got)
		}
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	for o, want := range map[Outcome]bool{Hit: true, Similar: true, Coalesced: true, Miss: false, Bypass: false, Refresh: false, "": false} {
		if o.Cached() != want {
			t.Errorf("%q is cached: %v", o, !want)
		}
	}
	for source, want := range map[string]bool{"memory": true, "redis": true, "shared": true, "load": false, "": false, "openai": false} {
		if (Span{Description: source}).Hit() != want {
			t.Errorf("a span from %q is a hit: %v", source, !want)
		}
	}
}
