package llm

import (
	"bytes"
	"net/http"
	"regexp"
)

// dialect is what a server was found not to understand. It starts as plain
// OpenAI.
type dialect struct {
	noStreamOptions bool // leave stream_options out; usage will not be known
	oldMaxTokens    bool // say max_tokens, not max_completion_tokens
}

// unknownWords are in the messages of servers that don't know a field. Without
// them a refusal may be about the field's value.
var unknownWords = regexp.MustCompile(`(?i)unknown|unrecogni[sz]ed|unsupported|not supported|unexpected|extra|not permitted|not allowed`)

// adapt gives the dialect in which a refused request may be understood, and
// whether there is one to try.
func (d dialect) adapt(status int, refusal []byte) (dialect, bool) {
	if status != http.StatusBadRequest && status != http.StatusUnprocessableEntity {
		return d, false
	}
	about := func(field string) bool { return bytes.Contains(refusal, []byte(field)) }
	switch {
	case !d.noStreamOptions && about("stream_options"):
		d.noStreamOptions = true
		return d, true
	case !d.oldMaxTokens && about("max_completion_tokens") && unknownWords.Match(refusal):
		d.oldMaxTokens = true
		return d, true
	}
	return d, false
}
