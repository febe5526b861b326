package answer

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/dejahq/deja"
)

func user(text string) *deja.ModelRequest {
	return &deja.ModelRequest{Messages: []deja.ChatMessage{
		{Role: deja.RoleSystem, Content: deja.Text("Today is a word that instructions may have.")},
		{Role: deja.RoleUser, Content: deja.Text("What is it now?")}, // an earlier turn
		{Role: deja.RoleAssistant, Content: deja.Text("Ten.")},
		{Role: deja.RoleUser, Content: deja.Text(text)},
	}}
}

func TestCacheable(t *testing.T) {
	t.Parallel()
	image := user("What is this?")
	image.Messages[3].Content = append(image.Messages[3].Content, deja.Part{Type: deja.PartImageURL, ImageURL: "https://example.com/a.png"})
	warm := user("Say something.")
	warm.Temperature = new(0.9)
	timely := deja.Caching{SkipTimeSensitive: true}
	for name, test := range map[string]struct {
		sharing deja.Sharing
		caching deja.Caching
		request *deja.ModelRequest
		want    bool
	}{
		"anything":               {"", deja.Caching{}, user("What is the price today?"), true},
		"off":                    {deja.ShareOff, deja.Caching{}, user("What is the price?"), false},
		"time-sensitive":         {"", timely, user("What is the price TODAY?"), false},
		"possessive":             {"", timely, user("What are today's prices?"), false},
		"phrase":                 {"", timely, user("Is it open right\nnow?"), false},
		"word within a word":     {"", timely, user("Do you know the price of snow?"), true},
		"earlier turns":          {"", timely, user("And the price?"), true},
		"own word":               {"", deja.Caching{SkipWords: []string{"Preis"}}, user("Was ist der preis?"), false},
		"own phrase":             {"", deja.Caching{SkipWords: []string{"in stock"}}, user("Is it IN  STOCK?"), false},
		"own word, absent":       {"", deja.Caching{SkipWords: []string{"stock"}}, user("Is it stocked?"), true},
		"too warm":               {"", deja.Caching{SkipTemperature: new(0.7)}, warm, false},
		"not too warm":           {"", deja.Caching{SkipTemperature: new(0.9)}, warm, true},
		"temperature not said":   {"", deja.Caching{SkipTemperature: new(0.0)}, user("Say."), true},
		"image":                  {"", deja.Caching{SkipAttachments: true}, image, false},
		"image that may":         {"", deja.Caching{}, image, true},
		"no image":               {"", deja.Caching{SkipAttachments: true}, user("What is this?"), true},
		"no question whatsoever": {"", timely, &deja.ModelRequest{}, true},
	} {
		if got := cacheable(&deja.Assistant{Sharing: test.sharing, Caching: test.caching}, test.request); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestNormalizeText(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"What is the price?", "what is the  PRICE", " What\tis the price ?!", "what is the price…"},
		{"Straße?", "STRASSE", "strasse"},
		{"ﬁnd it", "find it", "ＦＩＮＤ　ＩＴ。"},
		{"café", "cafe\u0301"},
		{"?!", "?!"},
		{""},
	} {
		for _, text := range same {
			if normalizeText(text) != normalizeText(same[0]) {
				t.Errorf("%q is %q, %q is %q", text, normalizeText(text), same[0], normalizeText(same[0]))
			}
		}
	}
	for _, other := range []string{"What is the price of it?", "What was the price?", "What is the price, 2?"} {
		if normalizeText(other) == normalizeText("What is the price?") {
			t.Errorf("%q is the same", other)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		if once := normalizeText(text); normalizeText(once) != once {
			t.Fatalf("%q becomes %q becomes %q", text, once, normalizeText(once))
		}
	})
}

// TestNormalizedLeavesTheRequestAlone: it is a copy for hashing, and touches
// nothing but the words of users.
func TestNormalizedLeavesTheRequestAlone(t *testing.T) {
	t.Parallel()
	req := user("WHAT?")
	before, _ := json.Marshal(req)
	n := normalized(req)
	if after, _ := json.Marshal(req); string(after) != string(before) {
		t.Errorf("the request was changed to %s", after)
	}
	if got := deja.PartsText(n.Messages[3].Content); got != "what" {
		t.Errorf("normalised to %q", got)
	}
	if got := deja.PartsText(n.Messages[2].Content); got != "Ten." {
		t.Errorf("the assistant's words became %q", got)
	}
}
