// Package cachetest tests caches: it runs engines of package cache on a real
// Redis, reads, writes and invalidates at random while it spoils connections
// and servers, and looks for reads that the promise in force forbids.
//
// [Conformance] checks single calls on any backend.
//
// [Explore] is what tests and the command historycheck run. [Check] judges any
// history by comparing times; [Linearizable] has porcupine judge it, by search:
// an opinion that doesn't depend on ours. It needs redis-server.
package cachetest
