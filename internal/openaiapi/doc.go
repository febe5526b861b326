// Package openaiapi serves deja under /v1 in the shapes of the OpenAI API:
// assistants, threads, messages, runs and run steps (the Assistants API, which
// official SDKs still carry), chat completions and models. Official clients
// work unchanged, with the base address set to deja's.
//
// # What deja adds
//
// Assistants have data sources, which the public API does not know:
//
//	POST   /v1/assistants/{assistant_id}/data_sources             multipart: file, optional name
//	GET    /v1/assistants/{assistant_id}/data_sources             limit, order, after, before
//	GET    /v1/assistants/{assistant_id}/data_sources/{source_id}
//	DELETE /v1/assistants/{assistant_id}/data_sources/{source_id}
//	GET    /v1/assistants/{assistant_id}/schema                   all tables of all sources
//
// Assistants have a field cache, in requests and responses:
//
//	{"policy": "thread", "ttl": 3600, "normalize": false,
//	 "skip": {"time_sensitive": true, "words": ["stock"], "temperature_above": 0.7, "attachments": true},
//	 "safe_tools": ["look_up"], "stale_if_error": 60, "replay_rate": 50}
//
// The policy "off", "thread" (the default) or "assistant" decides who may be
// given an answer that was made for another; see deja.Sharing. For chat
// completions, which have no thread, "thread" means the same client: the same
// Authorization header, and the same user and safety_identifier in the body.
// The rest is deja.Caching: the lifetime of answers in seconds, whether
// questions that differ only in case, white space and the like share an
// answer, and which questions are not cached. A modification changes what it
// names.
//
// Their field fallbacks lists who answers when their model's server fails,
// [{"upstream": "backup", "model": "small"}]: servers that are configured here,
// by name, models, or both; four at most.
//
// Runs and chat completions take a Cache-Control header with no-cache,
// no-store, max-age=N, only-if-cached and stale-if-error=N (RFC 5861), and, for
// clients that can't set headers, a body field cache with the same names:
//
//	{"no-cache": true, "no-store": true, "max-age": 60, "only-if-cached": true}
//
// "s-maxage" is another name for "max-age" (in seconds; 0 means no-cache).
// Header and field add up; the shorter age counts. When nothing is cached,
// only-if-cached is answered with status 504, which clients must not retry.
//
// A chat completion's model is the id of an assistant; /v1/models lists
// assistants as models, with their name in an extra field name. What a model
// thinks before it answers is in reasoning_content, of messages and deltas.
//
// # Requests that are sent again
//
// Creating a message, a run, or a thread with a run takes an Idempotency-Key
// header: sent again with the same key by the same client, the request finds
// what it made and makes nothing twice. A run's stream is then followed, or
// told again.
//
// # Headers
//
// X-Deja-Cache says where an answer came from (hit, coalesced, miss, bypass,
// refresh; for other reads hit or miss), X-Deja-Cache-Key names the cached
// entry, Age is its age in seconds, and Server-Timing has the time in each layer.
// X-Deja-Fallback names who answered when it was not the model that was asked
// for; a run whose answer has not begun says so in its field deja when it
// rests. X-Deja-Stale: true and Warning: 110 mark an answer past its lifetime that
// is given because no model answers.
//
// # What is refused
//
// Requests that deja cannot fulfil are refused with status 400 rather than
// answered differently from what they ask: several choices (n above 1),
// logprobs, logit_bias, audio, web search, the deprecated functions, uploaded
// image files. Fields that are unknown, or that can't change an answer's
// meaning, are ignored, as OpenAI's servers do. Known fields are checked:
// a wrong type or value names the field in the error's param.
package openaiapi
