// Package localmodel is deja-local, the model that is built into deja. It
// needs no network and no key, so that a newcomer sees the whole path work:
// schema, tool calls, rows, a streamed answer.
//
// It is not a language model. It reads a question word by word against the
// tables that the request describes (see [Model.Stream]), and it answers only
// when every word that carries meaning is understood: as a table, a column, a
// value that is found in the rows, a comparison, an extreme, an aggregate.
// Otherwise it says so. A plain refusal is right; a guess may be wrong.
//
// Like any model it sees nothing but the request: the schema in the system
// message, the query_data tool, and the results of its calls. The same request
// always gets the same answer. Of a conversation it uses the last question.
package localmodel
