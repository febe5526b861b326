package localmodel

import (
	"fmt"
	"slices"
	"strings"
)

// Name is how this model shows everywhere.
const Name = "deja-local"

const self = "I am " + Name + ", deja's built-in local model"

var (
	greetings = set(`hi hello hey good morning afternoon evening day greetings howdy there deja-local deja dear assistant`)
	thanks    = set(`thanks thank you very much a lot many great ok okay cool nice perfect bye goodbye good see then all that's that is so for your help`)
)

// smallTalk answers what is not about rows: greetings, and questions about
// this model and its data. It gives "" for everything else.
func (s *session) smallTalk(words []word) string {
	folds := make([]string, len(words))
	for i, w := range words {
		folds[i] = w.fold
	}
	text := strings.Join(folds, " ")
	all := func(known map[string]bool) bool {
		return !slices.ContainsFunc(folds, func(f string) bool { return !known[f] })
	}
	about := func(phrases ...string) bool { return slices.Contains(phrases, text) }
	switch {
	case all(greetings):
		return "Hello! " + s.introduction()
	case all(thanks) && slices.ContainsFunc(folds, func(f string) bool { return strings.HasPrefix(f, "thank") || strings.HasSuffix(f, "bye") }):
		return "You are welcome."
	case about("who are you", "what are you", "what is your name", "what's your name", "are you an ai", "are you a real model", "are you a real ai",
		"are you a language model", "which model are you", "what model are you", "are you gpt", "are you chatgpt", "are you a bot", "are you a robot", "are you human"):
		return s.introduction()
	case about("help", "what can you do", "what can you do for me", "what can i ask", "what can i ask you", "what should i ask", "how do you work", "how does this work", "what do you know", "how can you help", "how can you help me", "what do you do"):
		return s.introduction()
	case s.asksForSchema(folds):
		return s.describe()
	}
	return ""
}

// asksForSchema recognizes questions such as "what data do you have".
func (s *session) asksForSchema(folds []string) bool {
	if len(folds) > 10 {
		return false
	}
	rest := slices.DeleteFunc(slices.Clone(folds), func(f string) bool {
		return fillers[f] || s.namesTable(stem(f)) || slices.Contains([]string{"access", "describe", "explain", "loaded", "uploaded", "contain", "contains", "names", "your", "list", "know"}, f)
	})
	if len(rest) == 0 {
		return false
	}
	for _, f := range rest {
		if !slices.Contains([]string{"data", "tables", "table", "columns", "column", "schema", "fields", "sources", "datasets", "dataset", "files", "information"}, f) {
			return false
		}
	}
	return true
}

// namesTable reports whether a word is what the rows of a table are called.
func (s *session) namesTable(stem string) bool {
	return slices.ContainsFunc(s.tables, func(t table) bool { return len(t.words) > 0 && t.words[len(t.words)-1].stem == stem })
}

func (s *session) introduction() string {
	if len(s.tables) == 0 {
		return s.standIn()
	}
	return self + ". I look up simple things in tables, and I take every question by itself. " + s.tableList() + s.suggestions()
}

// standIn is the reply where there is nothing to look into.
func (s *session) standIn() string {
	text := self + ": a stand-in for a real model, so that deja can be tried without one. I only look things up in tables, and this assistant has none that I can read."
	if strings.TrimSpace(s.system) != "" {
		text += " Following its instructions takes a real model."
	}
	return text + " Add a data source, or configure a model with OPENAI_API_KEY or OPENAI_BASE_URL."
}

// tableList says what there is, briefly.
func (s *session) tableList() string {
	var parts []string
	for i := range s.tables {
		if i == shown {
			parts = append(parts, "more")
			break
		}
		t := &s.tables[i]
		rows := "rows"
		if t.rows == 1 {
			rows = "row"
		}
		parts = append(parts, fmt.Sprintf("%s (%d %s)", plainName(t.name), t.rows, rows))
	}
	return "There is data about " + enumerate(parts, "and") + "."
}

// describe says what the schema says, for people.
func (s *session) describe() string {
	if len(s.tables) == 0 {
		return s.standIn()
	}
	var b strings.Builder
	if len(s.tables) == 1 {
		b.WriteString("I can look into one table:")
	} else {
		fmt.Fprintf(&b, "I can look into %d tables:", len(s.tables))
	}
	for i := range s.tables {
		t := &s.tables[i]
		var names []string
		for k := range t.columns {
			names = append(names, t.columns[k].plain())
		}
		if len(names) > 2*shown {
			names = append(names[:2*shown], fmt.Sprintf("%d more", len(t.columns)-2*shown))
		}
		fmt.Fprintf(&b, "\n- %s, %d rows: %s", plainName(t.name), t.rows, enumerate(names, "and"))
	}
	return b.String()
}

// refuse says plainly that there is no answer, why, and what could be asked.
func (s *session) refuse(why string) string {
	return self + ", and I can only answer simple look-ups. " + why + s.suggestions()
}

// notFound says which words are neither understood nor found.
func (s *session) notFound(r *reading) string {
	if r.unknown() > maxUnknown {
		return s.refuse("I do not understand this question.")
	}
	var said []string
	names := false // it looks like something that has a name
	for _, p := range r.phrases {
		for i := p.from; i < p.to; i++ {
			if s.namesTable(r.words[i].stem) {
				return s.refuse("I look into one table at a time.")
			}
		}
	}
	for _, group := range r.groups() {
		from, to := group[0].from, group[len(group)-1].to
		if r.cannotBeValue(from, to) {
			return s.refuse("I do not know how to take “" + r.said(from, to) + "” into account.")
		}
		said = append(said, "“"+r.said(from, to)+"”")
		w := r.words[from]
		names = names || w.quoted > 0 || from > 0 && w.text != w.fold
	}
	var tables []string
	for _, other := range s.searched {
		tables = append(tables, plainName(other.t.name))
	}
	if !names {
		return s.refuse("I do not understand " + enumerate(said, "and") + ": I know no such table or column, and nothing like it is in " + enumerate(tables, "or") + ".")
	}
	return s.refuse("I found no " + enumerate(said, "or") + " in " + enumerate(tables, "or") + ".")
}

// suggestions are questions that can be answered.
func (s *session) suggestions() string {
	var qs []string
	for i := range s.tables {
		t := &s.tables[i]
		qs = append(qs, "How many "+t.noun(2)+" are there?")
		for k := range t.columns {
			if c := &t.columns[k]; c.counts() {
				qs = append(qs, "Which "+t.noun(1)+" has the highest "+c.plain()+"?")
				if label := &t.columns[t.label]; len(label.values) > 0 && t.label != k {
					qs = append(qs, "What is the "+c.plain()+" of "+label.values[0]+"?")
				}
				break
			}
		}
		if len(qs) >= 3 {
			break
		}
	}
	if len(qs) == 0 {
		return ""
	}
	return " You can ask, for example: " + strings.Join(qs[:min(len(qs), 3)], " ")
}
