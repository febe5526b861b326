package llm

import (
	"errors"
	"regexp"
	"strings"
)

var (
	// keyLike finds what looks like a credential: servers like to repeat the
	// key that they refuse, or a part of it.
	keyLike = regexp.MustCompile(`(?i)\bbearer\s+\S+|\b(?:sk|pk|rk|gsk|xai)[-_][\w*.-]{6,}`)
	spaces  = regexp.MustCompile(`\s+`)
)

const (
	maxMessage = 500 // runes of a server's message that are kept
	keyWindow  = 6   // characters of the key that give it away
)

// scrub makes a server's text fit to be logged and, where it concerns the
// caller, shown: without anything of the API key, control characters or length.
func (c *Client) scrub(s string) string {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	s = keyLike.ReplaceAllString(s, "[secret]")
	key := c.key.Reveal()
	for i := 0; i+keyWindow <= len(key); i++ {
		for {
			at := strings.Index(s, key[i:i+keyWindow])
			if at < 0 {
				break
			}
			from := strings.LastIndexByte(s[:at], ' ') + 1
			to := len(s)
			if n := strings.IndexByte(s[at:], ' '); n >= 0 {
				to = at + n
			}
			s = s[:from] + "[secret]" + s[to:]
		}
	}
	s = strings.TrimSpace(spaces.ReplaceAllString(s, " "))
	if runes := []rune(s); len(runes) > maxMessage {
		s = string(runes[:maxMessage]) + "..."
	}
	return s
}

// scrubbed gives an error of the network or the SDK with a safe text. Only the
// text is kept: the values inside can hold the request with its headers.
func (c *Client) scrubbed(err error) error { return errors.New(c.scrub(err.Error())) }
