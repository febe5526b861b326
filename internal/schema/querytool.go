package schema

import (
	"encoding/json"
	"fmt"

	"github.com/dejahq/deja"
)

// QueryToolName is the name of the function that QueryTool describes.
const QueryToolName = "query_data"

// QueryTool is the function with which a model reads the tables of a schema;
// deja.ParseQuery understands its arguments. Equal schemas give equal tools,
// byte for byte.
func QueryTool(s deja.Schema) deja.Tool {
	names := make([]string, len(s.Tables))
	for i := range s.Tables {
		names[i] = s.Tables[i].Name
	}
	texts := object{"type": "array", "items": object{"type": "string"}}
	parameters, err := json.Marshal(object{
		"type":                 "object",
		"additionalProperties": false,
		"required":             []string{"table"},
		"properties": object{
			"table": object{"type": "string", "enum": names},
			"filter": object{
				"type": "object",
				"description": `Conditions on columns, all of which must hold: {"Country":"Chile","Price":{"$gte":10,"$lt":20}}. ` +
					`Operators: $eq $ne $gt $gte $lt $lte $in $nin, and for text $contains $starts_with $ends_with, which ignore case. ` +
					`Combine with $and, $or (lists) and $not. null stands for a missing value. Dates are written 2026-12-31.`,
			},
			"columns": described(texts, "Columns to return; all when left out."),
			"sort": object{
				"type": "array",
				"items": object{
					"type": "object", "additionalProperties": false, "required": []string{"column"},
					"properties": object{
						"column":    object{"type": "string"},
						"direction": object{"type": "string", "enum": []string{"asc", "desc"}},
					},
				},
			},
			"limit":    object{"type": "integer", "minimum": 1, "maximum": deja.MaxQueryLimit, "description": fmt.Sprintf("Rows at most; %d when left out.", deja.DefaultQueryLimit)},
			"offset":   object{"type": "integer", "minimum": 0, "description": "Rows to skip."},
			"group_by": described(texts, "Columns to group by: one row per distinct group, with the aggregates if there are any."),
			"aggregates": object{
				"type":        "array",
				"description": "Figures over all matching rows, or of each group. sum and avg need numbers; count without a column counts rows.",
				"items": object{
					"type": "object", "additionalProperties": false, "required": []string{"function"},
					"properties": object{
						"function": object{"type": "string", "enum": []string{"count", "sum", "avg", "min", "max"}},
						"column":   object{"type": "string"},
						"as":       object{"type": "string", "description": "Name of the figure in the result."},
					},
				},
			},
		},
	})
	if err != nil {
		panic(err) // there is nothing above that JSON cannot write
	}
	return deja.Tool{Type: "function", Function: &deja.Function{
		Name: QueryToolName,
		Description: "Read rows of the user's own tables, or count and sum them. Use exact names of tables and columns. " +
			"The result has the rows and the total number of matches.",
		Parameters: parameters,
	}}
}

type object map[string]any

func described(o object, description string) object {
	d := object{"description": description}
	for k, v := range o {
		d[k] = v
	}
	return d
}
