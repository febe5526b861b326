package layers

import (
	"strconv"
	"strings"
	"time"
)

// maxTimings bounds the Server-Timing header: a run may have many query_data
// spans, and proxies refuse long headers.
const maxTimings = 16

// ServerTiming formats spans as the value of a Server-Timing header (W3C
// Server Timing): one metric per layer and source, in the order in which they
// began, with the source as description and the total time in milliseconds,
// such as `assistant_data;desc="memory";dur=0.03`. It is "" without spans.
func ServerTiming(spans []Span) string {
	type metric struct{ layer, source string }
	var order []metric
	total := make(map[metric]time.Duration)
	for _, s := range spans {
		m := metric{token(s.Layer), quotable(s.Source)}
		if m.layer == "" {
			continue
		}
		if _, seen := total[m]; !seen {
			order = append(order, m)
		}
		total[m] += s.Elapsed
	}
	var b strings.Builder
	for i, m := range order[:min(len(order), maxTimings)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(m.layer)
		if m.source != "" {
			b.WriteString(`;desc="` + m.source + `"`)
		}
		ms := float64(total[m].Microseconds()) / 1000
		b.WriteString(";dur=" + strconv.FormatFloat(ms, 'f', -1, 64))
	}
	return b.String()
}

// token keeps what may stand in a metric's name.
func token(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_', r == '-':
			return r
		}
		return -1
	}, s)
}

// quotable keeps what may stand between quotes without an escape.
func quotable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, s)
}
