package schema

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dejahq/deja"
)

func TestAssemble(t *testing.T) {
	t.Parallel()
	one := func(names ...string) []deja.Table {
		var tables []deja.Table
		for _, name := range names {
			tables = append(tables, deja.Table{ID: "tbl_" + name, Name: name, Columns: []deja.Column{{Name: "a"}}})
		}
		return tables
	}
	sources := []deja.DataSource{
		{ID: "src_1", Name: "Orders 2024", Tables: one("whatever")},
		{ID: "src_2", Name: "Shop", Tables: one("prices", "stock")},
		{ID: "src_3", Name: "orders-2024", Tables: one("x")},
		{ID: "src_4", Name: "!!", Filename: "Müller.csv", Tables: one("x")},
		{ID: "src_5", Name: "!!", Filename: ".csv", Tables: one("x")},
		{ID: "src_6", Name: "shop_prices", Tables: one("x")},
		{ID: "src_7", Name: "none"},
	}
	s := Assemble("asst_1", 7, sources)
	if s.AssistantID != "asst_1" || s.Version != 7 {
		t.Errorf("schema of %s, version %d", s.AssistantID, s.Version)
	}
	got := []string{}
	for _, table := range s.Tables {
		got = append(got, table.SourceID+" "+table.Name)
	}
	same(t, "names", got, []string{
		"src_1 orders_2024", "src_2 shop_prices", "src_2 shop_stock", "src_3 orders_2024_2", "src_4 müller", "src_5 table", "src_6 shop_prices_2",
	})
	s.Tables[0].Columns[0].Name = "changed"
	if sources[0].Tables[0].Columns[0].Name != "a" || sources[0].Tables[0].Name != "whatever" {
		t.Error("the sources were changed")
	}
	if empty := Assemble("asst_1", 1, nil); empty.Tables == nil || len(empty.Tables) != 0 {
		t.Errorf("no sources: %+v", empty)
	}
}

const orders = "Order ID;Status;Paid on;Price;Note \"x\"\n1001;paid;2026-01-02;5,5;first\n1002;open;;7,25;second\n1003;paid;2026-03-31;1000000;third\n"

func TestDescribe(t *testing.T) {
	t.Parallel()
	sources := []deja.DataSource{
		{ID: "src_1", Name: "orders", Tables: mustOpen(t, orders, Options{}).Tables()},
		{ID: "src_2", Name: "empty", Tables: mustOpen(t, "a,b\n", Options{}).Tables()},
		{ID: "src_3", Name: "log", Tables: mustOpen(t, "what\n"+strings.Repeat("same\n", 3)+"\"new\nline\"\nb\nc\nd\ne\nf\ng\nh\ni\nj\n", Options{}).Tables()},
	}
	const want = `Tables that query_data can read:

orders (3 rows)
- "Order ID": integer, 1001 to 1003, 3 distinct
- "Status": string, 2 distinct: "paid", "open"
- "Paid on": date, 2026-01-02 to 2026-03-31, 1 null, 2 distinct
- "Price": number, 5.5 to 1000000, 3 distinct
- "Note \"x\"": string, 3 distinct: "first", "second", "third"

empty (0 rows)
- "a": string
- "b": string

log (13 rows)
- "what": string, 11 distinct, such as "same", "new\nline", "b", "c", "d"
`
	s := Assemble("asst_1", 1, sources)
	if diff := cmp.Diff(want, Describe(s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := Describe(deja.Schema{}); got != "" {
		t.Errorf("no tables: %q", got)
	}

	// What came through a cache is described with the same bytes.
	encoded, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var decoded deja.Schema
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		t.Fatal(err)
	}
	same(t, "decoded", Describe(decoded), Describe(s))
	same(t, "tool", string(QueryTool(decoded).Function.Parameters), string(QueryTool(s).Function.Parameters))
}

// TestDescribeIsBounded holds that a description of any schema is bounded and
// says what it leaves out.
func TestDescribeIsBounded(t *testing.T) {
	t.Parallel()
	schemaOf := func(tables, columns int) deja.Schema {
		var s deja.Schema
		for i := range tables {
			table := deja.Table{Name: fmt.Sprintf("table_%d", i), RowCount: math.MaxInt64}
			for k := range columns {
				table.Columns = append(table.Columns, deja.Column{
					Name: fmt.Sprintf("column %d", k), Type: deja.TypeString, Nulls: 5, Distinct: 100,
					Examples: []any{strings.Repeat("x", 60), strings.Repeat("\x01", 60), "y"},
				})
			}
			s.Tables = append(s.Tables, table)
		}
		return s
	}
	for _, c := range []struct {
		tables, columns int
		has, hasNot     string
	}{
		{1, 20, `such as "xxx`, "too many"},
		{2, 100, "5 null, 100 distinct\n", "such as"},
		{5, 150, "There are too many columns to say more than their types", "100 distinct"},
		{2, 1000, "\n- and ", "100 distinct"},
		{1000, 2, " tables more that are not listed here", "100 distinct"},
	} {
		text := Describe(schemaOf(c.tables, c.columns))
		if len(text) > maxDescription || !strings.Contains(text, c.has) || strings.Contains(text, c.hasNot) {
			t.Errorf("%d tables of %d columns: %d bytes, %.300s ... %s", c.tables, c.columns, len(text), text, text[max(0, len(text)-200):])
		}
	}
}

func TestQueryTool(t *testing.T) {
	t.Parallel()
	s := Assemble("asst_1", 1, []deja.DataSource{{Name: "orders", Tables: mustOpen(t, orders, Options{}).Tables()}})
	tool := QueryTool(s)
	if tool.Type != "function" || tool.Function.Name != "query_data" {
		t.Fatalf("%+v", tool)
	}
	var p struct {
		Properties map[string]json.RawMessage
	}
	if err := json.Unmarshal(tool.Function.Parameters, &p); err != nil {
		t.Fatal(err)
	}
	// Whatever the tool offers must be understood, and the other way round.
	offered := map[string]string{
		"table": `"orders"`, "filter": `{"Status":"paid"}`, "columns": `["Status"]`, "sort": `[{"column":"Status","direction":"desc"}]`,
		"limit": `5`, "offset": `1`, "group_by": `["Status"]`, "aggregates": `[{"function":"sum","column":"Price","as":"total"}]`,
	}
	for name := range p.Properties {
		if _, err := deja.ParseQuery(fmt.Appendf(nil, `{%q:%s}`, name, offered[name]), &s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		delete(offered, name)
	}
	if len(offered) > 0 {
		t.Errorf("the tool does not offer %v", offered)
	}
}
