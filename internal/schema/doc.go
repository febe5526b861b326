// Package schema finds out what is in uploaded tables, and tells a model.
//
// [Open] reads a CSV, TSV or XLSX file once to infer its tables, their columns
// and types; [File.Rows] reads it again and yields typed rows. Both passes
// stream: memory is bounded by the limits of [Options], not by the file.
// [Assemble] puts the tables of an assistant's sources into one schema,
// [Describe] writes it for a model's instructions, and [QueryTool] is the
// function with which the model asks for rows.
//
// # What is inferred
//
// A column has the narrowest type that holds every value in it; a single value
// that does not fit makes it a string, for a type that is nearly right answers
// wrongly. Where a text can be read in two ways, such as 3/4/2024 or 1,234 in
// a file that is not separated by commas, it stays a string as well.
//
//   - integer: int64 without leading zeros (00501 is a code, and a string).
//     A whole number that neither an int64 nor a float64 can hold exactly
//     makes the column a string: digits are never lost.
//   - year: integers from 1000 to 2999 under a header that says year.
//   - number: decimals and exponents, with a decimal comma or with thousands
//     separators where the column proves it. Percentages and amounts with a
//     currency are strings.
//   - boolean: true and false only. Yes and no are good strings already.
//   - date, datetime, time: ISO 8601 and the usual other forms, day and month
//     told apart by the column's own values.
//
// Null is an empty cell; in columns that are not strings also NA, null, "-"
// and the like. In columns of strings only what can hardly be a text is null
// (NULL, N/A, NaN), since NA is Namibia and None may be a size; NA alone
// is null there too when the file's numeric columns use it so.
//
// White space around a value does not count. Empty lines are not rows, and
// columns with neither a name nor a value are not columns.
package schema
