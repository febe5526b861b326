package client

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Outcome says how the server came by an answer.
type Outcome string

// The outcomes. Hit, Similar and Coalesced cost no model call.
const (
	Hit       Outcome = "hit"       // this very question was answered before
	Similar   Outcome = "similar"   // a question close enough was
	Coalesced Outcome = "coalesced" // someone else is being answered the same right now
	Miss      Outcome = "miss"      // the model was asked
	Bypass    Outcome = "bypass"    // the cache was not to be used
	Refresh   Outcome = "refresh"   // the model was asked anew, on demand
)

// Cached reports whether the answer cost no model call of its own.
func (o Outcome) Cached() bool { return o == Hit || o == Similar || o == Coalesced }

// Info is what the headers of an answer say about it.
type Info struct {
	Outcome   Outcome       // empty when the answer has nothing to do with the cache
	Key       string        // the answer's key in the cache
	Age       time.Duration // of a cached answer
	Bill      Bill          // whole at the end of an answer
	Timing    []Span        // the layers that were looked into, in order
	RequestID string
}

// Span is one entry of a Server-Timing header (W3C Server Timing).
type Span struct {
	Name        string // a layer, such as "assistant_data"
	Duration    time.Duration
	Description string            // a layer's source: "memory", "redis", "shared" or "load"
	Params      map[string]string // further parameters, names in lower case; nil when there are none
}

// Hit reports whether a layer had what was asked for.
func (s Span) Hit() bool {
	switch s.Description {
	case "memory", "redis", "shared":
		return true
	}
	return false
}

func readInfo(h http.Header) Info {
	info := Info{
		Outcome:   Outcome(h.Get("X-Deja-Cache")),
		Key:       h.Get("X-Deja-Cache-Key"),
		Timing:    parseServerTiming(h.Values("Server-Timing")),
		RequestID: h.Get(requestIDHeader),
		Bill:      readBill(h),
	}
	if s, err := strconv.ParseInt(h.Get("Age"), 10, 32); err == nil && s > 0 {
		info.Age = time.Duration(s) * time.Second
	}
	return info
}

// parseServerTiming reads metrics of the form
// name;dur=1.5;desc="some text";other=value, separated by commas. What it
// cannot read of a metric it leaves out.
func parseServerTiming(headers []string) []Span {
	var spans []Span
	for _, h := range headers {
		for _, metric := range splitQuoted(h, ',') {
			parts := splitQuoted(metric, ';')
			s := Span{Name: strings.TrimSpace(parts[0])}
			if s.Name == "" {
				continue
			}
			for _, p := range parts[1:] {
				name, value, _ := strings.Cut(p, "=")
				s.set(strings.ToLower(strings.TrimSpace(name)), unquote(strings.TrimSpace(value)))
			}
			spans = append(spans, s)
		}
	}
	return spans
}

func (s *Span) set(name, value string) {
	switch name {
	case "":
	case "dur":
		ms, err := strconv.ParseFloat(value, 64)
		if err == nil && ms >= 0 && ms < 1e12 {
			s.Duration = time.Duration(ms * float64(time.Millisecond))
		}
	case "desc":
		s.Description = value
	default:
		if s.Params == nil {
			s.Params = make(map[string]string)
		}
		s.Params[name] = value
	}
}

// splitQuoted splits at a separator that is not inside a quoted string.
func splitQuoted(s string, sep byte) []string {
	var parts []string
	from, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			parts = append(parts, s[from:i])
			from = i + 1
		}
	}
	return append(parts, s[from:])
}

// unquote reads a quoted string of HTTP (RFC 9110, section 5.6.4); others are
// given back as they are.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
