package deja

// Query reads rows of one table. It is data, checked against the table's
// schema before a store sees it (see [ParseQuery]), so that a store compiles
// it without ever handling a client's text.
//
// Null semantics, the same in every store: a comparison with a null value
// matches only OpEq null, OpNe of something else, OpNotIn of a list without
// null, and OpIn of a list with null. OpNot inverts what its condition gives.
// Text is compared byte by byte, but OpContains, OpStartsWith and OpEndsWith
// ignore case, of all of Unicode (simple folding). Ascending order puts nulls
// first.
type Query struct {
	Table Table
	Where *Condition // nil matches every row

	// Columns are positions in Table.Columns; empty means all. They are not
	// used when GroupBy or Aggregates are given.
	Columns []int

	// GroupBy and Aggregates turn rows into one row per distinct group, or a
	// single row without GroupBy. The result's columns are the GroupBy
	// columns and then the aggregates. GroupBy alone gives the distinct
	// groups.
	GroupBy    []int
	Aggregates []Aggregate

	// Sort holds positions in Table.Columns, or in the result's columns when
	// GroupBy or Aggregates are given. Rows that compare equal keep the file's
	// order; groups that compare equal are in ascending order of the group's
	// values.
	Sort   []SortKey
	Limit  int // rows at most; the parser always sets it
	Offset int
}

// Condition is a node of a filter: a comparison of one column, or a
// combination of conditions.
type Condition struct {
	Op       Op
	Column   int         // position in Table.Columns, for comparisons
	Value    any         // for OpEq ... OpEndsWith; of the column's form (see Row), or nil
	Values   []any       // for OpIn and OpNotIn
	Children []Condition // for OpAnd, OpOr (any number; none: true, false) and OpNot (one)
}

// Op is an operator of a Condition.
type Op string

// The operators, all there are.
const (
	OpAnd        Op = "and"
	OpOr         Op = "or"
	OpNot        Op = "not"
	OpEq         Op = "eq"
	OpNe         Op = "ne"
	OpGt         Op = "gt"
	OpGte        Op = "gte"
	OpLt         Op = "lt"
	OpLte        Op = "lte"
	OpIn         Op = "in"
	OpNotIn      Op = "nin"
	OpContains   Op = "contains"
	OpStartsWith Op = "starts_with"
	OpEndsWith   Op = "ends_with"
)

// Aggregate is a figure over a group of rows. Nulls do not count; the sum of
// no values is 0, other aggregates of no values are null. Counts are int64,
// averages float64, sums, minima and maxima of the column's form. A sum of
// integers that does not fit an int64 is CodeInvalid.
type Aggregate struct {
	Func   string // count, sum, avg, min, max
	Column int    // position in Table.Columns; -1 counts rows
	As     string // the result's column name
}

// SortKey is one key of an ordering.
type SortKey struct {
	Column int
	Desc   bool
}

// QueryResult is what a Query found. Columns and Rows are never nil.
type QueryResult struct {
	Columns []string `json:"columns"`
	Rows    []Row    `json:"rows"`
	Total   int64    `json:"total"` // matching rows (or groups) before Limit and Offset
}
