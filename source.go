package deja

import "time"

// DataSource is a file that was uploaded for an assistant, with the schema of
// the tables that were found in it.
type DataSource struct {
	ID          string    `json:"id"`
	AssistantID string    `json:"assistant_id"`
	Name        string    `json:"name"`
	Filename    string    `json:"filename"`
	Format      string    `json:"format"` // csv, tsv, xlsx
	Bytes       int64     `json:"bytes"`
	CreatedAt   time.Time `json:"created_at"`
	Tables      []Table   `json:"tables"`
}

// Ref gives the short form that the assistant keeps.
func (s *DataSource) Ref() SourceRef {
	return SourceRef{ID: s.ID, Name: s.Name, CreatedAt: s.CreatedAt}
}

// Schema is all that an assistant can know about its data without reading it.
type Schema struct {
	AssistantID string  `json:"assistant_id"`
	Version     int64   `json:"version"` // the assistant's DataVersion
	Tables      []Table `json:"tables"`
}

// Table finds a table by its name.
func (s *Schema) Table(name string) (*Table, bool) {
	for i := range s.Tables {
		if s.Tables[i].Name == name {
			return &s.Tables[i], true
		}
	}
	return nil, false
}

// Table is one table of a data source.
type Table struct {
	ID       string   `json:"id"`   // names the rows in the store; unique everywhere
	Name     string   `json:"name"` // what people and models call it; unique in its assistant's schema
	SourceID string   `json:"source_id"`
	RowCount int64    `json:"row_count"`
	Columns  []Column `json:"columns"`
}

// Column finds a column's position by its name, or gives -1.
func (t *Table) Column(name string) int {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return i
		}
	}
	return -1
}

// Column is what is known about one column.
type Column struct {
	Name     string     `json:"name"`  // the header, trimmed; never empty, unique in its table
	Field    string     `json:"field"` // a safe identifier for stores: letters, digits and '_', unique in its table whatever the case
	Type     ColumnType `json:"type"`
	Nullable bool       `json:"nullable"`
	Nulls    int64      `json:"nulls"`
	Distinct int        `json:"distinct,omitempty"` // number of distinct values where it is small enough to count exactly
	Min      any        `json:"min,omitempty"`      // smallest value, for ordered types
	Max      any        `json:"max,omitempty"`
	Examples []any      `json:"examples,omitempty"` // a few distinct values
}

// ColumnType is the type of a column's values.
type ColumnType string

// The column types, each with the form in which values travel and are stored.
// The forms of dates and times order as strings the way they order in time.
const (
	TypeString   ColumnType = "string"   // string
	TypeInteger  ColumnType = "integer"  // int64
	TypeNumber   ColumnType = "number"   // float64
	TypeBoolean  ColumnType = "boolean"  // bool
	TypeDate     ColumnType = "date"     // string, 2006-01-02
	TypeDateTime ColumnType = "datetime" // string, 2006-01-02T15:04:05[.fff]; in UTC with a Z where the source had an offset
	TypeTime     ColumnType = "time"     // string, 15:04:05[.fff]
	TypeYear     ColumnType = "year"     // int64
)

// Row is one row of a table, in the order of its columns. Each value is nil,
// string, int64, float64 or bool, as the column's type says.
type Row []any
