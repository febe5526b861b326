package openaiapi

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja/internal/answer"
)

func TestControl(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header []string
		body   string
		want   any
	}{
		"nothing":             {nil, `{}`, answer.Control{}},
		"header":              {[]string{"No-Cache, max-age=60"}, `{}`, answer.Control{NoCache: true, MaxAge: time.Minute}},
		"two lines":           {[]string{"no-store", "only-if-cached"}, `{}`, answer.Control{NoStore: true, OnlyIfCached: true}},
		"quoted":              {[]string{`max-age="5"`}, `{}`, answer.Control{MaxAge: 5 * time.Second}},
		"zero age":            {[]string{"max-age=0"}, `{}`, answer.Control{NoCache: true}},
		"endless age":         {[]string{"max-age=99999999999999999999"}, `{}`, answer.Control{MaxAge: maxAge * time.Second}},
		"malformed":           {[]string{"max-age=soon, max-age, max-age=-1, =, ,,public, max-stale=9"}, `{}`, answer.Control{}},
		"body":                {nil, `{"cache":{"no-cache":true,"no-store":false,"only-if-cached":null,"max-age":9}}`, answer.Control{NoCache: true, MaxAge: 9 * time.Second}},
		"both add up":         {[]string{"max-age=5, no-store"}, `{"cache":{"max-age":9,"s-maxage":7,"only-if-cached":true}}`, answer.Control{NoStore: true, OnlyIfCached: true, MaxAge: 5 * time.Second}},
		"shorter one counts":  {[]string{"max-age=50"}, `{"cache":{"s-maxage":7}}`, answer.Control{MaxAge: 7 * time.Second}},
		"null":                {nil, `{"cache":null}`, answer.Control{}},
		"stale if error":      {[]string{"stale-if-error=60"}, `{"cache":{"stale-if-error":90}}`, answer.Control{StaleIfError: new(time.Minute)}},
		"never stale":         {[]string{"stale-if-error=x"}, `{"cache":{"stale-if-error":0}}`, answer.Control{StaleIfError: new(time.Duration(0))}},
		"wrong type":          {nil, `{"cache":"no-cache"}`, fault{400, "cache", "invalid_type"}},
		"wrong type of flag":  {nil, `{"cache":{"no-cache":1}}`, fault{400, "cache.no-cache", "invalid_type"}},
		"negative age":        {nil, `{"cache":{"max-age":-1}}`, fault{400, "cache.max-age", "integer_below_min_value"}},
		"what we do not know": {nil, `{"cache":{"namespace":"a"}}`, fault{400, "cache.namespace", "unknown_parameter"}},
	} {
		o, err := parseObject([]byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		var got any = control(http.Header{"Cache-Control": c.header}, o)
		if o.err() != nil {
			got = faultOf(o.err())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestClientsAreApart holds that whoever can be told apart is.
func TestClientsAreApart(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, c := range []struct{ key, body string }{
		{"", `{}`},
		{"Bearer a", `{}`},
		{"Bearer b", `{}`},
		{"Bearer a", `{"user":"u"}`},
		{"Bearer a", `{"user":"v"}`},
		{"Bearer a", `{"safety_identifier":"u"}`},
		{"Bearer a", `{"user":"u","safety_identifier":"u"}`},
		{"", `{"user":"u"}`},
		{"", `{"user":"Bearer a"}`},
	} {
		o, err := parseObject([]byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{}
		if c.key != "" {
			h.Set("Authorization", c.key)
		}
		name := client(h, o)
		if other, taken := seen[name]; taken {
			t.Errorf("%v is taken for %s", c, other)
		}
		if again := client(h, o); again != name {
			t.Errorf("%v is %s, then %s", c, name, again)
		}
		seen[name] = c.key + c.body
	}
}

func TestClientIsAHash(t *testing.T) {
	t.Parallel()
	o, _ := parseObject(nil)
	if name := client(http.Header{"Authorization": {"Bearer sk-secret"}}, o); len(name) != 32 {
		t.Errorf("%q", name)
	}
}
