package openaiapi

import "github.com/dejahq/deja"

// sourceObject is a data source, an object of deja's own.
type sourceObject struct {
	ID          string        `json:"id"`
	Object      string        `json:"object"`
	AssistantID string        `json:"assistant_id"`
	Name        string        `json:"name"`
	Filename    string        `json:"filename"`
	Format      string        `json:"format"`
	Bytes       int64         `json:"bytes"`
	CreatedAt   int64         `json:"created_at"`
	Tables      []tableObject `json:"tables"`
}

type schemaObject struct {
	Object      string        `json:"object"`
	AssistantID string        `json:"assistant_id"`
	Version     int64         `json:"version"`
	Tables      []tableObject `json:"tables"`
}

type tableObject struct {
	Name     string         `json:"name"`
	SourceID string         `json:"source_id"`
	RowCount int64          `json:"row_count"`
	Columns  []columnObject `json:"columns"`
}

// columnObject shows what is known about a column. Values have the form in
// which query_data gives them; see deja.ColumnType.
type columnObject struct {
	Name     string          `json:"name"`
	Type     deja.ColumnType `json:"type"`
	Nullable bool            `json:"nullable"`
	Nulls    int64           `json:"nulls"`
	Distinct int             `json:"distinct,omitempty"`
	Min      any             `json:"min,omitempty"`
	Max      any             `json:"max,omitempty"`
	Examples []any           `json:"examples,omitempty"`
}

func showSource(s *deja.DataSource) sourceObject {
	return sourceObject{
		ID: s.ID, Object: "data_source", AssistantID: s.AssistantID, Name: s.Name,
		Filename: s.Filename, Format: s.Format, Bytes: s.Bytes, CreatedAt: seconds(s.CreatedAt),
		Tables: showTables(s.Tables),
	}
}

func showTables(tables []deja.Table) []tableObject {
	out := make([]tableObject, len(tables))
	for i, t := range tables {
		out[i] = tableObject{Name: t.Name, SourceID: t.SourceID, RowCount: t.RowCount, Columns: make([]columnObject, len(t.Columns))}
		for j, c := range t.Columns {
			out[i].Columns[j] = columnObject{
				Name: c.Name, Type: c.Type, Nullable: c.Nullable, Nulls: c.Nulls,
				Distinct: c.Distinct, Min: c.Min, Max: c.Max, Examples: c.Examples,
			}
		}
	}
	return out
}
