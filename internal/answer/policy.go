package answer

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/dejahq/deja"
)

// cacheable says whether an assistant's policy lets the answer to a request
// be cached.
func cacheable(asst *deja.Assistant, req *deja.ModelRequest) bool {
	c := &asst.Caching
	switch {
	case asst.Sharing == deja.ShareOff:
		return false
	case c.SkipTemperature != nil && req.Temperature != nil && *req.Temperature > *c.SkipTemperature:
		return false
	case c.SkipAttachments && hasImages(req.Messages):
		return false
	case !c.SkipTimeSensitive && len(c.SkipWords) == 0:
		return true
	}
	words := " " + strings.Join(wordsOf(lastQuestion(req.Messages)), " ") + " "
	said := func(phrase string) bool {
		return strings.Contains(words, " "+strings.Join(wordsOf(phrase), " ")+" ")
	}
	return !slices.ContainsFunc(c.SkipWords, said) && !(c.SkipTimeSensitive && slices.ContainsFunc(timeSensitive, said))
}

// timeSensitive are the words of questions whose answers change by themselves.
//
//nolint:gochecknoglobals // a table
var timeSensitive = []string{
	"now", "right now", "today", "todays", "tonight", "tomorrow", "yesterday", "currently", "current", "latest",
	"recent", "recently", "at the moment", "this morning", "this afternoon", "this evening",
	"this week", "this month", "this year", "last week", "last month", "last night", "next week", "next month",
	"what time is it", "what day is it", "so far", "up to date", "live", "breaking",
}

func hasImages(ms []deja.ChatMessage) bool {
	return slices.ContainsFunc(ms, func(m deja.ChatMessage) bool {
		return slices.ContainsFunc(m.Content, func(p deja.Part) bool { return p.Type != deja.PartText })
	})
}

// lastQuestion is the text of the newest message of the user's.
func lastQuestion(ms []deja.ChatMessage) string {
	for _, m := range slices.Backward(ms) {
		if m.Role == deja.RoleUser {
			return deja.PartsText(m.Content)
		}
	}
	return ""
}

// wordsOf gives the words of a text, folded. An apostrophe belongs to its word
// but does not count, so that today's is todays.
func wordsOf(text string) []string {
	text = strings.NewReplacer("'", "", "’", "").Replace(fold(text))
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) })
}

// normalized gives a request whose hash is the same for questions that differ
// only in writing. It is for hashing: the model is asked with the original.
// Only what users wrote is normalised; an answer's or a tool's output's case
// may matter.
func normalized(req *deja.ModelRequest) *deja.ModelRequest {
	n := *req
	n.Messages = slices.Clone(req.Messages)
	for i, m := range n.Messages {
		if m.Role != deja.RoleUser {
			continue
		}
		n.Messages[i].Content = slices.Clone(m.Content)
		for j, p := range m.Content {
			if p.Type == deja.PartText {
				n.Messages[i].Content[j].Text = normalizeText(p.Text)
			}
		}
	}
	return &n
}

// normalizeText applies Unicode NFKC and full case folding, joins runs of
// white space, and drops final punctuation. A text of nothing else stays.
func normalizeText(text string) string {
	// Each step can leave what another would change; a few rounds settle it.
	for range 8 {
		next := normalizeOnce(text)
		if next == text {
			break
		}
		text = next
	}
	return text
}

func normalizeOnce(text string) string {
	folded := strings.Join(strings.Fields(fold(text)), " ")
	cut := strings.TrimRightFunc(folded, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(".!?…。！？", r)
	})
	if cut == "" {
		return folded
	}
	return cut
}

// fold makes texts equal that differ in Unicode form and case only. Lower case
// comes last because some letters (Cherokee) fold to capitals, and back.
func fold(text string) string {
	return norm.NFKC.String(strings.ToLower(cases.Fold().String(norm.NFKC.String(text))))
}
