package localmodel

import (
	"maps"
	"slices"
	"strings"

	"github.com/dejahq/deja"
)

// toolName is the function with which a model reads rows.
const toolName = "query_data"

// session is one request on its way to a reply. It holds no state from earlier
// requests: the results of earlier rounds are in the request, and reading the
// question again leads to the same queries.
type session struct {
	question string
	system   string
	tables   []table
	results  map[string]result // by the arguments of the call
	pending  []query
	searched []*reading // of the tables whose rows were searched
}

// newSession takes from a request what this model understands of it.
func newSession(req *deja.ModelRequest) *session {
	s := &session{results: map[string]result{}}
	last := -1
	var system []string
	for i, m := range req.Messages {
		switch m.Role {
		case deja.RoleSystem:
			system = append(system, deja.PartsText(m.Content))
		case deja.RoleUser:
			last = i
		}
	}
	s.system = strings.Join(system, "\n\n")
	if last < 0 {
		return s
	}
	s.question = strings.ToValidUTF8(deja.PartsText(req.Messages[last].Content), "?")
	s.readResults(req.Messages[last+1:])
	if offersTool(req) {
		s.tables = readTables(s.system)
	}
	return s
}

func (s *session) readResults(messages []deja.ChatMessage) {
	calls := map[string]string{}
	for _, m := range messages {
		for _, c := range m.ToolCalls {
			if c.Name == toolName {
				calls[c.ID] = c.Arguments
			}
		}
		if arguments, ok := calls[m.ToolCallID]; ok && m.Role == deja.RoleTool {
			s.results[arguments] = readResult(deja.PartsText(m.Content))
		}
	}
}

// offersTool reports whether rows can be read at all.
func offersTool(req *deja.ModelRequest) bool {
	if string(req.ToolChoice) == `"none"` {
		return false
	}
	for _, t := range req.Tools {
		if t.Function != nil && t.Function.Name == toolName {
			return true
		}
	}
	return false
}

// ask gives the result of a query, or notes that it is wanted.
func (s *session) ask(q query) (result, bool) {
	res, ok := s.results[q.arguments()]
	if !ok {
		for _, p := range s.pending {
			if p.arguments() == q.arguments() {
				return result{}, false
			}
		}
		s.pending = append(s.pending, q)
	}
	return res, ok
}

// failed gives an error among the results, always the same one.
func (s *session) failed() string {
	for _, arguments := range slices.Sorted(maps.Keys(s.results)) {
		if r := s.results[arguments]; r.Error != "" {
			return r.Error
		}
	}
	return ""
}
