package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// candidate is a word that could stand where the cursor is.
type candidate struct{ word, help string }

// anyFile is the candidate that lets the shell complete names of files.
const anyFile = ":files"

// candidates completes the last of the words that follow the command's name.
func candidates(app *kong.Application, words []string) []candidate {
	words, split := joinAssignments(words)
	if len(words) == 0 {
		words = []string{""}
	}
	last := len(words) - 1
	at := place{node: app.Node}
	for _, w := range words[:last] {
		at.pass(w)
	}
	var found []candidate
	partial := words[last]
	name, value, assigned := strings.Cut(partial, "=")
	switch {
	case at.flag != nil:
		found = valuesOf(at.flag.Value)
	case strings.HasPrefix(partial, "-") && assigned && !at.literal:
		f := at.find(name)
		if f == nil {
			return nil
		}
		found = valuesOf(f.Value)
		if split {
			partial = value // the shell completes what is behind its own break
			break
		}
		for i := range found {
			if found[i].word != anyFile {
				found[i].word = name + "=" + found[i].word
			}
		}
	case strings.HasPrefix(partial, "-") && !at.literal:
		found = at.flags()
	default:
		found = at.words()
	}
	return slices.DeleteFunc(found, func(c candidate) bool { return c.word != anyFile && !strings.HasPrefix(c.word, partial) })
}

// joinAssignments mends --flag=value, which bash takes apart at the equals
// sign, and tells whether it did so to the last word.
func joinAssignments(words []string) (joined []string, split bool) {
	for i, w := range words {
		behind := i > 0 && words[i-1] == "="
		switch n := len(joined); {
		case (w == "=" || behind && strings.Contains(joined[n-1], "=")) && n > 0 && strings.HasPrefix(joined[n-1], "--"):
			joined[n-1] += w
			split = i == len(words)-1
		default:
			joined = append(joined, w)
		}
	}
	return joined, split
}

// place is where one is on the command line.
type place struct {
	node    *kong.Node
	flag    *kong.Flag // whose value comes next
	args    int        // positional arguments so far
	literal bool       // behind --
}

// pass goes past a word.
func (p *place) pass(w string) {
	switch {
	case p.flag != nil:
		p.flag = nil
	case w == "--":
		p.literal = true
	case strings.HasPrefix(w, "-") && w != "-" && !p.literal:
		name, _, assigned := strings.Cut(w, "=")
		if f := p.find(name); f != nil && !assigned && !f.IsBool() {
			p.flag = f
		}
	default:
		for _, child := range p.node.Children {
			if child.Name == w || slices.Contains(child.Aliases, w) {
				p.node = child
				return
			}
		}
		p.args++
	}
}

func (p *place) find(name string) *kong.Flag {
	for _, group := range p.node.AllFlags(false) {
		for _, f := range group {
			if "--"+f.Name == name || f.Short != 0 && "-"+string(f.Short) == name {
				return f
			}
		}
	}
	return nil
}

func (p *place) flags() []candidate {
	var found []candidate
	for _, group := range p.node.AllFlags(true) {
		for _, f := range group {
			found = append(found, candidate{"--" + f.Name, f.Help})
			if f.Tag.Negatable != "" {
				found = append(found, candidate{"--no-" + f.Name, "Not: " + f.Help})
			}
		}
	}
	return found
}

// words are the commands, or what the next argument can be.
func (p *place) words() []candidate {
	var found []candidate
	for _, child := range p.node.Children {
		if !child.Hidden {
			found = append(found, candidate{child.Name, child.Help})
		}
	}
	if args := p.node.Positional; len(found) == 0 && len(args) > 0 {
		next := args[min(p.args, len(args)-1)]
		if p.args < len(args) || next.IsSlice() {
			return valuesOf(next)
		}
	}
	return found
}

// valuesOf gives what a flag or argument can be, as far as that is known.
func valuesOf(v *kong.Value) []candidate {
	if v.Tag != nil && (v.Tag.Type == "path" || strings.HasPrefix(v.Tag.Type, "existing")) {
		return []candidate{{anyFile, ""}}
	}
	var found []candidate
	if v.Enum != "" {
		for _, word := range v.EnumSlice() {
			if word != "" {
				found = append(found, candidate{word, ""})
			}
		}
	}
	return found
}
