// Package deja holds the domain of deja, an assistant API server whose every
// read is answered from a cache that can be trusted: assistants, their data
// sources and schemas, threads, messages, runs, what is asked of a model and
// what it answers, and the [Store] that keeps it all.
//
// The package imports the standard library only. Adapters (internal/sqlite,
// internal/mongo, internal/llm) know these types and never each other.
package deja
