// Package ratelimit limits how much each client may do in a window of time,
// over all nodes that share a Redis, and on each node by itself while Redis is
// away.
//
// # What is promised
//
// A client's window opens with its first request and ends exactly one window
// later; neither further requests nor refused ones prolong it. Within it, all
// nodes together allow at most Limit: one script counts and decides in Redis,
// by the clock of Redis alone. Refused requests cost nothing. A key that has
// lost its expiry is given one, so nobody stays shut out.
//
// While Redis is away, each node decides by itself, beginning with what Redis
// last told it about the client: N nodes then allow up to N times Limit. What
// is spent meanwhile is not added to Redis afterwards. A request waits for
// Redis at most Options.Timeout, and only those that are on their way when
// Redis goes: once it is known to be away, requests don't try, and a probe in
// the background finds out when it is back. A command whose answer came too
// late may have been counted, so an outage can cost a client, never favour it.
// A failover of Redis that loses its last writes gives clients these back.
//
// # Why a fixed window
//
// It needs one integer per client, which an operator reads with GET and TTL,
// it is exact, and it says when the client may return. Its known weakness is
// the border: a client that saves its requests up for a window's end can make
// nearly 2 × Limit in a short time. That is also the most that a token bucket
// or GCRA (ITU-T I.371) with a burst of Limit lets through in one window's
// length. A sliding counter of two buckets bounds it better but only by
// assuming that the former window was evenly filled, and has to outlive its
// window; a log of requests is exact but takes memory for each request.
//
// # Keys
//
// A client's counter is at {prefix}rate_limit:{identifier}:{window}, where the
// window is in seconds (60), or in milliseconds if it has a fraction (1500ms).
// See [Limiter.Key] for how identifiers are written. Secrets such as API keys
// go through [Secret].
package ratelimit
