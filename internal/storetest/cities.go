package storetest

import (
	"math"

	"github.com/dejahq/deja"
)

// Positions in the columns of citiesTable.
const (
	cityName = iota
	cityPeople
	cityArea
	cityCapital
	cityFounded
	citySeen
	cityOpens
	cityYear
	cityNote
)

// citiesTable has a column of every type, with names that mean something to
// SQL, to MongoDB or to nobody, and fields that databases use themselves.
func citiesTable() deja.Table {
	return deja.Table{
		ID: deja.NewID(deja.TablePrefix), Name: "cities",
		Columns: []deja.Column{
			{Name: "$where", Field: "_id", Type: deja.TypeString},
			{Name: "a.b", Field: "rowid", Type: deja.TypeInteger},
			{Name: `q"u'o` + "`te", Field: "ORDER", Type: deja.TypeNumber},
			{Name: "SELECT", Field: "n", Type: deja.TypeBoolean},
			{Name: "名前", Field: "_", Type: deja.TypeDate},
			{Name: "; DROP TABLE cities", Field: "1", Type: deja.TypeDateTime},
			{Name: "$gt", Field: "id", Type: deja.TypeTime},
			{Name: "col[0]", Field: "_v", Type: deja.TypeYear},
			{Name: "\\n", Field: "values", Type: deja.TypeString},
		},
	}
}

// cityRows has nulls in every column, ties, values at the ends of their types
// and texts that are code elsewhere.
func cityRows() []deja.Row {
	return []deja.Row{
		0:  {"Zürich", int64(447082), 87.88, false, "1218-01-01", "2026-03-01T08:00:00Z", "08:00:00", int64(1218), "straße"},
		1:  {"Roma", int64(2755309), 1285.0, true, "0753-04-21", "2026-02-28T23:59:59.999Z", "07:30:00", int64(-753), "ΣΊΣΥΦΟΣ"},
		2:  {"Genève", int64(203951), 15.93, false, nil, "2026-03-01T08:00:00Z", nil, int64(-121), ""},
		3:  {nil, nil, nil, nil, nil, nil, nil, nil, nil},
		4:  {"$where", int64(math.MaxInt64), math.MaxFloat64, true, "2026-01-01", "2026-01-01T00:00:00", "23:59:59.999", int64(2026), "$name"},
		5:  {"a.b", int64(math.MinInt64), -math.MaxFloat64, false, "0001-01-01", "0001-01-01T00:00:00", "00:00:00", int64(1), ".*"},
		6:  {"'; DROP TABLE x; --", int64(1<<53 + 1), math.SmallestNonzeroFloat64, true, "2026-01-01", nil, "12:00:00", int64(2026), "50%"},
		7:  {"roma", int64(1 << 53), -3.0, nil, "1218-01-01", "2026-03-01T08:00:00Z", "08:00:00", nil, "50_"},
		8:  {"", int64(0), 0.0, false, nil, nil, nil, int64(0), " "},
		9:  {"ROMA\nEST", int64(-1), 0.1, true, "9999-12-31", "9999-12-31T23:59:59.999Z", "12:00:00", int64(9999), `{"$gt":""}`},
		10: {"Αθήνα", nil, 1285.0, true, nil, nil, nil, nil, `\`},
		11: {"\u212aelvin", int64(447082), nil, false, nil, nil, nil, nil, "(["},
		12: {"İstanbul", int64(15462452), 5461.0, false, nil, nil, nil, int64(-657), "tab\tnul\x00end"},
		13: {"😀👩‍👩‍👧", int64(447082), 87.88, nil, nil, nil, nil, nil, "$$ROOT"},
	}
}
