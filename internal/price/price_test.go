package price

import (
	"encoding/json"
	"math"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/dejahq/deja"
)

func TestMoneyAsText(t *testing.T) {
	t.Parallel()
	for m, want := range map[Money]string{
		0: "0", 1: "0.000000001", Unit: "1", -Unit - Unit/4: "-1.25", 1_200_000: "0.0012",
		math.MaxInt64: "9223372036.854775807", math.MinInt64: "-9223372036.854775808",
	} {
		if got := m.String(); got != want {
			t.Errorf("%d is written %s, want %s", int64(m), got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		m := Money(rapid.Int64().Draw(t, "m"))
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var back Money
		if err := json.Unmarshal(b, &back); err != nil || back != m {
			t.Fatalf("%d becomes %s becomes %d (%v)", int64(m), b, int64(back), err)
		}
	})
}

func TestDecimal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "-0.0": 0, "0e9": 0, "0.15": 150_000, "2": 2_000_000, "2.50": 2_500_000, "1e-6": 1, "1.5E-5": 15,
		"1.230000000000": 1_230_000, "12e3": 12_000_000_000, "0.000000e30": 0, "100e-8": 1, "-3.25": -3_250_000,
	} {
		if got, err := decimal(json.Number(text), 6); err != nil || got != want {
			t.Errorf("%s is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", ".", "1e31", "1e-31", "1e", "0.0000001", "1e-7", "x", "1.2.3", "1-2", "99999999999999", "1e13", "0x1", "1_000", "NaN", `"1"`} {
		if got, err := decimal(json.Number(text), 6); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

func TestSumsStayInRange(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]Money{
		{1, 2, 3},
		{math.MaxInt64, 1, math.MaxInt64},
		{math.MinInt64, -1, math.MinInt64},
		{math.MinInt64, math.MinInt64, math.MinInt64},
		{math.MaxInt64, math.MinInt64, -1},
	} {
		if got := c[0].Plus(c[1]); got != c[2] {
			t.Errorf("%d + %d = %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

func TestCost(t *testing.T) {
	t.Parallel()
	table, err := Parse([]byte(`{"models": [
		{"model": "m", "prompt": 2.5, "cachedPrompt": 1.25, "completion": 10},
		{"model": "plain", "prompt": 2.5, "completion": 10},
		{"model": "fine", "prompt": 0.000001, "completion": 0.0005}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		model string
		usage deja.Usage
		want  string
	}{
		{"m", deja.Usage{}, "0"},
		{"m", deja.Usage{PromptTokens: 1_000_000}, "2.5"},
		{"m", deja.Usage{PromptTokens: 1000, CachedTokens: 400, CompletionTokens: 100}, "0.003"},
		{"m", deja.Usage{PromptTokens: 10, CachedTokens: 999}, "0.0000125"},
		{"m", deja.Usage{PromptTokens: -5, CachedTokens: -5, CompletionTokens: -1}, "0"},
		{"plain", deja.Usage{PromptTokens: 1000, CachedTokens: 400}, "0.0025"},
		{"fine", deja.Usage{PromptTokens: 499}, "0"},
		{"fine", deja.Usage{PromptTokens: 500}, "0.000000001"},
		{"fine", deja.Usage{CompletionTokens: 1}, "0.000000001"},
		{"m", deja.Usage{PromptTokens: math.MaxInt64, CompletionTokens: math.MaxInt64}, "9223372036.854775807"},
		{Local, deja.Usage{PromptTokens: 1000, CompletionTokens: 1000}, "0"},
	} {
		if got, ok := table.Cost(c.model, c.usage); !ok || got.String() != c.want {
			t.Errorf("%s, %+v: %s, %v; want %s", c.model, c.usage, got, ok, c.want)
		}
	}
	if got, ok := table.Cost("unknown", deja.Usage{PromptTokens: 1}); ok || got != 0 {
		t.Errorf("a model without a price costs %s", got)
	}
	if table.Currency != "USD" {
		t.Errorf("the currency is %q", table.Currency)
	}
}

// A cost is the exact product, rounded once.
func TestCostIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		price := func(name string) PerMillion { return PerMillion(rapid.Int64Range(0, 1e12).Draw(t, name)) }
		m := Model{Name: "m", Prompt: price("prompt"), Cached: price("cached"), Completion: price("completion")}
		u := deja.Usage{PromptTokens: rapid.Int64Range(0, 1e6).Draw(t, "prompt tokens"), CompletionTokens: rapid.Int64Range(0, 1e6).Draw(t, "completion tokens")}
		u.CachedTokens = rapid.Int64Range(0, u.PromptTokens).Draw(t, "cached tokens")
		got, ok := New("", m).Cost("m", u)
		sum := new(big.Int)
		for _, p := range [][2]int64{{u.PromptTokens - u.CachedTokens, int64(m.Prompt)}, {u.CachedTokens, int64(m.Cached)}, {u.CompletionTokens, int64(m.Completion)}} {
			sum.Add(sum, new(big.Int).Mul(big.NewInt(p[0]), big.NewInt(p[1])))
		}
		sum.Add(sum, big.NewInt(500)).Div(sum, big.NewInt(1000))
		if !sum.IsInt64() {
			sum.SetInt64(math.MaxInt64)
		}
		if !ok || int64(got) != sum.Int64() {
			t.Fatalf("%d, want %d", int64(got), sum)
		}
	})
}

func TestFind(t *testing.T) {
	t.Parallel()
	models := []Model{{Name: "*", Prompt: 1}, {Name: "gpt-*", Prompt: 2}, {Name: "gpt-x*", Prompt: 3}, {Name: "gpt-x*-mini", Prompt: 4}, {Name: "gpt-x", Prompt: 5}, {Name: "*-x-abc", Prompt: 6}, {Name: "gpt-x", Prompt: 7}}
	table := New("EUR", models...)
	for range 2 { // looked for, and remembered
		for name, want := range map[string]PerMillion{
			"gpt-x": 5, "gpt-x-2026-01-01": 3, "gpt-x-2026-mini": 4, "gpt-y": 2, "other": 1, "": 1, "the-x-abc": 6, "gpt-xyz-mini-2": 3, Local: 0,
		} {
			if m, ok := table.Find(name); !ok || m.Prompt != want {
				t.Errorf("%q has the price %d, want %d", name, m.Prompt, want)
			}
		}
	}
	if _, ok := New("", Model{Name: "a*b"}).Find("ab "); ok {
		t.Error("a name that a pattern does not stand for has a price")
	}
}

// Names are whatever servers report: what is remembered is bounded.
func TestRememberedNamesAreBounded(t *testing.T) {
	t.Parallel()
	table := New("", Model{Name: "m*", Prompt: 1})
	for i := range 3 * maxNames {
		if _, ok := table.Find("m" + strings.Repeat("x", i)); !ok {
			t.Fatal("no price")
		}
	}
	if n := table.names.Load(); n > maxNames {
		t.Errorf("%d names are remembered", n)
	}
}

func TestPatternsAreLikeExpressions(t *testing.T) {
	t.Parallel()
	text := rapid.StringOfN(rapid.SampledFrom([]rune("ab*.")), 0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		pattern, name := text.Draw(t, "pattern"), text.Draw(t, "name")
		parts := strings.Split(pattern, "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		want := regexp.MustCompile(`\A` + strings.Join(parts, "(?s:.*)") + `\z`).MatchString(name)
		if got := fits(pattern, name); got != want {
			t.Fatalf("%q fits %q: %v, want %v", pattern, name, got, want)
		}
	})
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string][2]string{
		"nothing":          {``, "EOF"},
		"no object":        {`[]`, "cannot unmarshal"},
		"more":             {`{} {}`, "follows"},
		"unknown field":    {`{"prices": []}`, "unknown field"},
		"misspelt price":   {`{"models": [{"model": "m", "prompt": 1, "completions": 1}]}`, "unknown field"},
		"currency":         {`{"currency": "dollars"}`, "capital letters"},
		"no name":          {`{"models": [{"prompt": 1, "completion": 1}]}`, "needs a name"},
		"no price":         {`{"models": [{"model": "m", "prompt": 1}]}`, "models[0]"},
		"negative":         {`{"models": [{"model": "m", "prompt": -1, "completion": 1}]}`, "between 0"},
		"too fine":         {`{"models": [{"model": "m", "prompt": 0.0000001, "completion": 1}]}`, "decimal places"},
		"too large":        {`{"models": [{"model": "m", "prompt": 1e12, "completion": 1}]}`, "between 0"},
		"text for a price": {`{"models": [{"model": "m", "prompt": "free", "completion": 1}]}`, "invalid number"},
		"long name":        {`{"models": [{"model": "` + strings.Repeat("m", 201) + `", "prompt": 1, "completion": 1}]}`, "200"},
	} {
		if _, err := Parse([]byte(c[0])); err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %v, want %q", name, err, c[1])
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"currency": "USD", "asOf": "2026-11-01", "models": [{"model": "m*", "prompt": 0.15, "cachedPrompt": 0.075, "completion": 0.6}]}`))
	f.Add([]byte(`{"models": [{"model": "*", "prompt": 1e3, "completion": 1e-6}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		table, err := Parse(b)
		if err != nil {
			return
		}
		for _, m := range table.Models {
			if c, ok := table.Cost(m.Name, deja.Usage{PromptTokens: 10, CachedTokens: 3, CompletionTokens: 7}); !ok || c < 0 {
				t.Errorf("%q costs %s, %v", m.Name, c, ok)
			}
		}
	})
}

func BenchmarkCost(b *testing.B) {
	table := New("", Model{Name: "gpt-*", Prompt: 150_000, Completion: 600_000})
	u := deja.Usage{PromptTokens: 1000, CompletionTokens: 100}
	b.ReportAllocs()
	for b.Loop() {
		table.Cost("gpt-x-2026-01-01", u)
	}
}
