package mongo

import (
	"regexp"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/dejahq/deja"
)

// maxPattern is the longest regular expression that every supported server
// takes, in bytes.
const maxPattern = 32_000

var (
	everything = bson.D{}
	nothing    = bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: bson.A{}}}}}
)

// comparisons are MongoDB's words. $eq, $ne, $in and $nin treat null as
// deja.Query does, because every row has every field.
var comparisons = map[deja.Op]string{
	deja.OpEq: "$eq", deja.OpNe: "$ne", deja.OpIn: "$in", deja.OpNotIn: "$nin",
	deja.OpGt: "$gt", deja.OpGte: "$gte", deja.OpLt: "$lt", deja.OpLte: "$lte",
}

// filterOf compiles a condition on rows whose columns have the given fields.
// Operators come from the tables here, fields from the table's columns, and
// values stay values: nothing of a client's becomes an operator.
func filterOf(c *deja.Condition, fields []string) (bson.D, error) {
	if c == nil {
		return everything, nil
	}
	switch c.Op {
	case deja.OpAnd, deja.OpOr, deja.OpNot:
		return combined(c, fields)
	}
	if c.Column < 0 || c.Column >= len(fields) {
		return nil, deja.Errorf(deja.CodeInvalid, "The query names a column that the table does not have.")
	}
	field := fields[c.Column]
	switch c.Op {
	case deja.OpIn, deja.OpNotIn:
		values := bson.A(c.Values)
		if values == nil {
			values = bson.A{}
		}
		return compared(field, c.Op, values), nil
	case deja.OpEq, deja.OpNe:
		return compared(field, c.Op, c.Value), nil
	case deja.OpGt, deja.OpGte, deja.OpLt, deja.OpLte:
		if c.Value == nil { // MongoDB's $gte and $lte match null with null
			return nothing, nil
		}
		return compared(field, c.Op, c.Value), nil
	case deja.OpContains, deja.OpStartsWith, deja.OpEndsWith:
		return textFilter(c, field)
	}
	return nil, deja.Errorf(deja.CodeInvalid, "There is no operator %.20q.", string(c.Op))
}

func compared(field string, op deja.Op, value any) bson.D {
	return bson.D{{Key: field, Value: bson.D{{Key: comparisons[op], Value: value}}}}
}

func combined(c *deja.Condition, fields []string) (bson.D, error) {
	parts := make(bson.A, len(c.Children))
	for i := range c.Children {
		part, err := filterOf(&c.Children[i], fields)
		if err != nil {
			return nil, err
		}
		parts[i] = part
	}
	op := "$and"
	switch c.Op {
	case deja.OpNot:
		if len(parts) != 1 {
			return nil, deja.Errorf(deja.CodeInvalid, "A negation has exactly one condition.")
		}
		op = "$nor"
	case deja.OpOr:
		op = "$or"
	}
	if len(parts) == 0 { // which MongoDB refuses
		if c.Op == deja.OpOr {
			return nothing, nil
		}
		return everything, nil
	}
	return bson.D{{Key: op, Value: parts}}, nil
}

// textFilter compiles the search for a part of a text. MongoDB's option i
// ignores the case of all of Unicode's letters, by simple folding.
func textFilter(c *deja.Condition, field string) (bson.D, error) {
	if c.Value == nil {
		return nothing, nil
	}
	text, is := c.Value.(string)
	if !is {
		return nil, deja.Errorf(deja.CodeInvalid, "The operator %s needs a text.", c.Op)
	}
	if text == "" {
		return compared(field, deja.OpNe, nil), nil
	}
	pattern := patternOf(text)
	switch c.Op {
	case deja.OpStartsWith:
		pattern = `\A` + pattern
	case deja.OpEndsWith:
		pattern += `\z` // $ matches before a line break at the end, too
	}
	if len(pattern) > maxPattern {
		return nil, deja.Errorf(deja.CodeInvalid, "The text to look for is too long.")
	}
	return bson.D{{Key: field, Value: bson.Regex{Pattern: pattern, Options: "i"}}}, nil
}

// patternOf gives a pattern that matches a text and nothing else, with option
// i. The i of Turkish, dotted as a capital or dotless as a small letter, folds
// to nothing but itself, yet libraries take it for an i, so all of them are
// spelled out. A pattern cannot hold the byte 0.
func patternOf(text string) string {
	var p strings.Builder
	for _, letter := range text {
		switch letter {
		case 'i', 'I':
			p.WriteString("(?-i:[iI])")
		case 'İ', 'ı':
			p.WriteString("(?-i:" + string(letter) + ")")
		case 0:
			p.WriteString(`\x00`)
		default:
			p.WriteString(regexp.QuoteMeta(string(letter)))
		}
	}
	return p.String()
}
