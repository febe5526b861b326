package schema

import (
	"path"
	"slices"
	"strings"

	"github.com/dejahq/deja"
)

// Assemble puts the tables of an assistant's sources into one schema, in the
// order of the sources, and gives each table a name of its own: a source's
// only table is called like the source, several are called source_table. The
// names depend on nothing but the sources and their order.
func Assemble(assistantID string, version int64, sources []deja.DataSource) deja.Schema {
	s := deja.Schema{AssistantID: assistantID, Version: version, Tables: []deja.Table{}}
	taken := make(map[string]bool)
	for i := range sources {
		source := &sources[i]
		name := firstOf(slug(source.Name), slug(strings.TrimSuffix(source.Filename, path.Ext(source.Filename))), "table")
		for _, t := range source.Tables {
			unique := name
			if len(source.Tables) > 1 {
				unique += "_" + firstOf(slug(t.Name), "table")
			}
			t.Name = uniqueName(unique, taken)
			t.SourceID = source.ID
			t.Columns = slices.Clone(t.Columns)
			s.Tables = append(s.Tables, t)
		}
	}
	return s
}
