package deja

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// people is the table of most tests: a column of each type.
func people() Table {
	return Table{ID: "tbl_people", Name: "people", Columns: []Column{
		{Name: "name", Field: "name", Type: TypeString},
		{Name: "Age", Field: "age", Type: TypeInteger},
		{Name: "height", Field: "height", Type: TypeNumber},
		{Name: "member", Field: "member", Type: TypeBoolean},
		{Name: "born", Field: "born", Type: TypeDate},
		{Name: "seen", Field: "seen", Type: TypeDateTime, Min: "2024-01-01T00:00:00Z"},
		{Name: "alarm", Field: "alarm", Type: TypeTime, Min: "06:00:00.00"},
		{Name: "joined", Field: "joined", Type: TypeYear},
		{Name: "local", Field: "local", Type: TypeDateTime, Min: "2024-01-01T00:00:00"},
	}}
}

const (
	colName = iota
	colAge
	colHeight
	colMember
	colBorn
	colSeen
	colAlarm
	colJoined
	colLocal
)

func testSchema() *Schema {
	return &Schema{Tables: []Table{people()}}
}

func is(op Op, column int, v any) Condition { return Condition{Op: op, Column: column, Value: v} }

func both(op Op, children ...Condition) Condition { return Condition{Op: op, Children: children} }

func TestParseQueryFilter(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]Condition{
		`{"name":"Ann"}`:                               is(OpEq, colName, "Ann"),
		`{"name":null}`:                                is(OpEq, colName, nil),
		`{"name":{"$ne":null}}`:                        is(OpNe, colName, nil),
		`{"AGE":{"gt":30}}`:                            is(OpGt, colAge, int64(30)),
		`{"Age":"42"}`:                                 is(OpEq, colAge, int64(42)),
		`{"Age":42.0}`:                                 is(OpEq, colAge, int64(42)),
		`{"Age":9007199254740993}`:                     is(OpEq, colAge, int64(9007199254740993)),
		`{"Age":{"$gt":30.5}}`:                         is(OpGt, colAge, int64(30)),
		`{"Age":{"$gte":30.5}}`:                        is(OpGt, colAge, int64(30)),
		`{"Age":{"$lt":-30.5}}`:                        is(OpLte, colAge, int64(-31)),
		`{"Age":{"$lte":30.5}}`:                        is(OpLte, colAge, int64(30)),
		`{"height":"1.5"}`:                             is(OpEq, colHeight, 1.5),
		`{"height":2}`:                                 is(OpEq, colHeight, 2.0),
		`{"name":7}`:                                   is(OpEq, colName, "7"),
		`{"name":{"$contains":1.50}}`:                  is(OpContains, colName, "1.50"),
		`{"member":"TRUE"}`:                            is(OpEq, colMember, true),
		`{"born":"2001/2/3"}`:                          is(OpEq, colBorn, "2001-02-03"),
		`{"born":"February 3, 2001"}`:                  is(OpEq, colBorn, "2001-02-03"),
		`{"born":"2001-02-03T00:00:00Z"}`:              is(OpEq, colBorn, "2001-02-03"),
		`{"born":{"$starts_with":"2001-"}}`:            is(OpStartsWith, colBorn, "2001-"),
		`{"seen":{"$gt":"2024-03-01 12:30"}}`:          is(OpGt, colSeen, "2024-03-01T12:30:00Z"),
		`{"seen":{"$gt":"2024-03-01T12:30:00+02:00"}}`: is(OpGt, colSeen, "2024-03-01T10:30:00Z"),
		`{"seen":{"$lte":"2024-02-29"}}`:               is(OpLt, colSeen, "2024-03-01T00:00:00Z"),
		`{"seen":{"$gt":"2024-02-29"}}`:                is(OpGte, colSeen, "2024-03-01T00:00:00Z"),
		`{"local":{"$lt":"2024-03-01T00:00:00Z"}}`:     is(OpLt, colLocal, "2024-03-01T00:00:00"),
		`{"alarm":"6:30 PM"}`:                          is(OpEq, colAlarm, "18:30:00.00"),
		`{"alarm":"06:30:00.5"}`:                       is(OpEq, colAlarm, "06:30:00.50"),
		`{"joined":"1999"}`:                            is(OpEq, colJoined, int64(1999)),
		`{"Age":{"$in":[1,"2",null]}}`:                 {Op: OpIn, Column: colAge, Values: []any{int64(1), int64(2), nil}},
		`{"name":{"nin":[]}}`:                          {Op: OpNotIn, Column: colName, Values: []any{}},
		`{"Age":{"$gte":1,"$lt":9}}`:                   both(OpAnd, is(OpGte, colAge, int64(1)), is(OpLt, colAge, int64(9))),
		`{"Age":{"$gte":1},"Age":{"$lt":9}}`:           both(OpAnd, is(OpGte, colAge, int64(1)), is(OpLt, colAge, int64(9))),
		`{"$or":[{"Age":1},{"name":"x"}]}`:             both(OpOr, is(OpEq, colAge, int64(1)), is(OpEq, colName, "x")),
		`{"and":[{"Age":1}],"not":{"name":"x"}}`:       both(OpAnd, both(OpAnd, is(OpEq, colAge, int64(1))), both(OpNot, is(OpEq, colName, "x"))),
		`{"name":{"$not":{"$ends_with":"x"}}}`:         both(OpNot, is(OpEndsWith, colName, "x")),
		`{"seen":"2024-12-31"}`:                        both(OpAnd, is(OpGte, colSeen, "2024-12-31T00:00:00Z"), is(OpLt, colSeen, "2025-01-01T00:00:00Z")),
		`{"seen":{"$ne":"2024-12-31"}}`:                both(OpNot, both(OpAnd, is(OpGte, colSeen, "2024-12-31T00:00:00Z"), is(OpLt, colSeen, "2025-01-01T00:00:00Z"))),
		`{"$and":[{"$or":[{"Age":{"$not":{"$gt":1}}}]},{"height":-1}]}`: both(OpAnd, both(OpOr, both(OpNot, is(OpGt, colAge, int64(1)))), is(OpEq, colHeight, -1.0)),
	} {
		q, err := ParseQuery([]byte(`{"filter":`+filter+`}`), testSchema())
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		if diff := cmp.Diff(&want, q.Where); diff != "" {
			t.Errorf("%s (-want +got):\n%s", filter, diff)
		}
	}
}

func TestParseQuery(t *testing.T) {
	t.Parallel()
	table := people()
	for args, want := range map[string]Query{
		`{}`: {Limit: 50},
		`{"table":"People","filter":{},"columns":[],"sort":null,"limit":null}`: {Limit: 50},
		`{"columns":["Age","name","age"],"limit":"500","offset":3.0}`:          {Columns: []int{colAge, colName}, Limit: 500, Offset: 3},
		`{"columns":"name"}`: {Columns: []int{colName}, Limit: 50},
		`{"sort":["-age",{"column":"name","direction":"DESC"},{"column":"born"},"age"]}`: {Sort: []SortKey{{colAge, true}, {colName, true}, {Column: colBorn}}, Limit: 50},
		`{"sort":"-age"}`: {Sort: []SortKey{{colAge, true}}, Limit: 50},
		`{"group_by":["member"],"columns":["MEMBER"],"sort":"-member"}`:                      {GroupBy: []int{colMember}, Sort: []SortKey{{0, true}}, Limit: 50},
		`{"aggregates":[{"function":"COUNT"},{"function":"count","column":"*"}]}`:            {Aggregates: []Aggregate{{"count", -1, "count"}, {"count", -1, "count_2"}}, Limit: 50},
		`{"aggregates":{"function":"avg","column":"Height","as":"mean"},"columns":["mean"]}`: {Aggregates: []Aggregate{{"avg", colHeight, "mean"}}, Limit: 50},
		`{"group_by":"joined","aggregates":[{"function":"max","column":"born"}],"columns":["joined"],"sort":["-max_born","joined"]}`: {
			GroupBy: []int{colJoined}, Aggregates: []Aggregate{{"max", colBorn, "max_born"}}, Sort: []SortKey{{1, true}, {Column: 0}}, Limit: 50,
		},
	} {
		want.Table = table
		q, err := ParseQuery([]byte(args), testSchema())
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		if diff := cmp.Diff(want, q); diff != "" {
			t.Errorf("%s (-want +got):\n%s", args, diff)
		}
	}
}

// TestParseQueryRefuses checks that what is refused is refused with what the
// model needs to do better, and with the argument at fault.
func TestParseQueryRefuses(t *testing.T) {
	t.Parallel()
	tooMany := strings.Repeat(`{"Age":1},`, MaxConditions) + `{"Age":1}`
	tooDeep := strings.Repeat(`{"$not":`, MaxFilterDepth) + `{"Age":1}` + strings.Repeat(`}`, MaxFilterDepth)
	tooLong := strings.Repeat("1,", MaxListValues) + "1"
	for _, c := range []struct{ args, param, message string }{
		{`{"filter":`, "", "not valid JSON"},
		{`[]`, "", "must be a JSON object"},
		{`{} {}`, "", "not valid JSON"},
		{`{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, "", "nested"},
		{`{"a":"` + strings.Repeat("x", maxQueryBytes) + `"}`, "", "longer than"},
		{`{"where":{}}`, "", "table, filter, columns, sort, limit, offset, group_by, aggregates"},
		{`{"limit":1,"limit":2}`, "limit", "given twice"},
		{`{"table":"dogs"}`, "table", `there are "people"`},
		{`{"table":7}`, "table", "not the number 7"},
		{`{"limit":0}`, "limit", "from 1 to 500"},
		{`{"limit":501}`, "limit", "from 1 to 500"},
		{`{"limit":"many"}`, "limit", `not the text "many"`},
		{`{"limit":1.5}`, "limit", "whole number"},
		{`{"limit":1e400}`, "limit", "whole number"},
		{`{"offset":-1}`, "offset", "from 0"},
		{`{"columns":["nome"]}`, "columns", `it has "name", "Age", "height"`},
		{`{"columns":[1]}`, "columns", "must be a name"},
		{`{"sort":["agee"]}`, "sort", `there are "name", "Age"`},
		{`{"sort":[{"column":"Age","direction":"up"}]}`, "sort", `"asc" or "desc"`},
		{`{"sort":[{"column":"Age","order":"up"}]}`, "sort", `not "order"`},
		{`{"sort":[{"direction":"asc"}]}`, "sort", "needs a column"},
		{`{"sort":[{"column":1}]}`, "sort", "must be a name"},
		{`{"sort":[1]}`, "sort", "not the number 1"},
		{`{"filter":[]}`, "filter", "must be an object"},
		{`{"filter":{"$and":[{}]}}`, "filter", "must not be empty"},
		{`{"filter":{"$or":[]}}`, "filter", "at least one"},
		{`{"filter":{"$or":{}}}`, "filter", "takes a list"},
		{`{"filter":{"$or":[1]}}`, "filter", "as objects"},
		{`{"filter":{"$not":[]}}`, "filter", "as an object"},
		{`{"filter":{"$nor":[]}}`, "filter", "$and, $or and $not"},
		{`{"filter":{"$gt":1}}`, "filter", "inside a column"},
		{`{"filter":{"agee":1}}`, "filter", `it has "name", "Age"`},
		{`{"filter":{"Age":{}}}`, "filter", "is empty"},
		{`{"filter":{"Age":{"$exists":true}}}`, "filter", "$eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $contains, $starts_with, $ends_with"},
		{`{"filter":{"Age":{"$where":"1"}}}`, "filter", "no operator"},
		{`{"filter":{"Age":{"$not":1}}}`, "filter", "object of operators"},
		{`{"filter":{"Age":[1]}}`, "filter", "a list"},
		{`{"filter":{"Age":{"$in":1}}}`, "filter", "takes a list"},
		{`{"filter":{"Age":{"$in":[` + tooLong + `]}}}`, "filter", "more than 500"},
		{`{"filter":{"Age":{"$gt":null}}}`, "filter", "null"},
		{`{"filter":{"Age":"old"}}`, "filter", "a whole number"},
		{`{"filter":{"Age":30.5}}`, "filter", "a whole number"},
		{`{"filter":{"Age":1e30}}`, "filter", "64 bits"},
		{`{"filter":{"Age":9223372036854775808}}`, "filter", "64 bits"},
		{`{"filter":{"Age":true}}`, "filter", "a boolean"},
		{`{"filter":{"Age":{"$contains":"1"}}}`, "filter", "needs text"},
		{`{"filter":{"height":1e999}}`, "filter", "a number"},
		{`{"filter":{"height":"0x10"}}`, "filter", "a number"},
		{`{"filter":{"height":"NaN"}}`, "filter", "a number"},
		{`{"filter":{"name":true}}`, "filter", "text"},
		{`{"filter":{"name":"a\u0000b"}}`, "filter", "NUL"},
		{`{"filter":{"name":"` + strings.Repeat("x", MaxTextValue+1) + `"}}`, "filter", "longer than"},
		{`{"filter":{"member":"maybe"}}`, "filter", "true or false"},
		{`{"filter":{"member":{"$gt":true}}}`, "filter", "use eq"},
		{`{"filter":{"born":"3/4/2024"}}`, "filter", `"2024-12-31"`},
		{`{"filter":{"born":"2024-02-30"}}`, "filter", `"2024-12-31"`},
		{`{"filter":{"born":"2024-02-03T10:00:00"}}`, "filter", `"2024-12-31"`},
		{`{"filter":{"seen":"yesterday"}}`, "filter", "2024-12-31T15:04:05"},
		{`{"filter":{"seen":{"$in":["2024-02-03"]}}}`, "filter", "2024-12-31T15:04:05"},
		{`{"filter":{"seen":"2024-02-03T10:00:00.5Z"}}`, "filter", "at most 0 digits"},
		{`{"filter":{"seen":"9999-12-31"}}`, "filter", "too late"},
		{`{"filter":{"local":"2024-02-03T10:00:00+02:00"}}`, "filter", "without an offset"},
		{`{"filter":{"alarm":"25:00"}}`, "filter", "15:04:05"},
		{`{"filter":{"$and":[` + tooMany + `]}}`, "filter", "more than 100"},
		{`{"filter":` + tooDeep + `}`, "filter", "levels deep"},
		{`{"group_by":["x"]}`, "group_by", `it has "name"`},
		{`{"aggregates":[{"function":"median","column":"Age"}]}`, "aggregates", "count, sum, avg, min, max"},
		{`{"aggregates":[{"function":"sum"}]}`, "aggregates", "needs a column"},
		{`{"aggregates":[{"function":"sum","column":"name"}]}`, "aggregates", "of type string"},
		{`{"aggregates":[{"function":"max","column":"member"}]}`, "aggregates", "boolean"},
		{`{"aggregates":[{"function":"count","field":"x"}]}`, "aggregates", `"function", "column" and "as"`},
		{`{"aggregates":[{"function":"count","as":"$x"}]}`, "aggregates", "letters"},
		{`{"aggregates":[{"function":"count","as":7}]}`, "aggregates", "must be text"},
		{`{"aggregates":["count"]}`, "aggregates", `"function"`},
		{`{"aggregates":[{"function":"count","as":"n"},{"function":"count","as":"n"}]}`, "aggregates", "two columns"},
		{`{"group_by":["name"],"aggregates":[{"function":"count","as":"name"}]}`, "aggregates", "two columns"},
		{`{"group_by":["name"],"columns":["Age"]}`, "columns", `"name"`},
		{`{"group_by":["name"],"sort":["Age"]}`, "sort", `"name"`},
	} {
		_, err := ParseQuery([]byte(c.args), testSchema())
		name := brief(c.args)
		if ErrorCode(err) != CodeInvalid {
			t.Errorf("%s: got %v, want a refusal with %q", name, err, c.message)
			continue
		}
		if got := err.(*Error); got.Param != c.param || !strings.Contains(got.Message, c.message) {
			t.Errorf("%s: got %q about %q, want %q about %q", name, got.Message, got.Param, c.message, c.param)
		}
	}
}

func TestParseQueryChoosesTable(t *testing.T) {
	t.Parallel()
	s := &Schema{Tables: []Table{people(), people(), people()}}
	s.Tables[1].Name, s.Tables[2].Name = "Dogs", "dogs"
	for table, want := range map[string]string{"people": "people", "PEOPLE": "people", "Dogs": "Dogs", "dogs": "dogs"} {
		q, err := ParseQuery(fmt.Appendf(nil, `{"table":%q}`, table), s)
		if err != nil || q.Table.Name != want {
			t.Errorf("%s: got %q, %v", table, q.Table.Name, err)
		}
	}
	for _, args := range []string{`{}`, `{"table":"DOGS"}`} { // absent, and not the name of one alone
		if _, err := ParseQuery([]byte(args), s); ErrorCode(err) != CodeInvalid || !strings.Contains(err.Error(), `"people", "Dogs", "dogs"`) {
			t.Errorf("%s: got %v", args, err)
		}
	}
	if _, err := ParseQuery([]byte(`{}`), &Schema{}); ErrorCode(err) != CodeInvalid {
		t.Errorf("no tables: got %v", err)
	}
}
