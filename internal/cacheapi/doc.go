// Package cacheapi serves the cache API under /api/cache: how the cache is,
// what it costs and saves, and the levers to warm and to empty it.
//
// Times of day are RFC 3339 in UTC with milliseconds, durations milliseconds
// with three decimals (uptimes: whole seconds), rates 0 to 100 with two, and
// sizes bytes. Bodies are JSON objects; the names of their fields are matched
// exactly, and null is the same as leaving a field out. An error is
// {"status": "error", "message": "..."}: 400 for a body that is no JSON object,
// has a field too few, too many or of the wrong type; 404 for another path,
// 405 for another method (Allow says which), 413 for a body above 1 MiB, 415
// for a Content-Type that is not JSON.
//
// # GET /api/cache/health
//
// Status 200, or 503 when status is "unhealthy".
//
//	status     "healthy"; "degraded": Redis answers but this node does not
//	           trust it yet; "unhealthy": Redis is configured and does not
//	           answer, or the store does not
//	timestamp  when this was found out
//	version    of deja
//	node       the name of the node that answers
//	model      what answers questions
//	stats      see below
//	cache      connected: Redis answered just now (false without Redis);
//	           provider: "memory" or "memory+redis"
//	store      connected: the store answered; name: "sqlite" or "mongodb"
//	notes      what is worth knowing, in plain words; may be empty
//	advice     what to look at, the most pressing first; see below
//	redis      null, or version, role, latencyMs, usedMemoryBytes,
//	           maxMemoryBytes, fragmentation, evictionPolicy, persistence
//	           ("none", "rdb", "aof", "rdb+aof"), auth, tls, replicas
//	keysPerLayer  estimated entries in Redis (without Redis: in this node's
//	           memory), by layer
//	breakers   "redis" and "upstream:NAME": "closed", "open" or "half-open"
//	epoch, lastError  as in stats
//	nodes      as in the metrics
//
// Advice is {code, severity, message, layer}; severity is "critical",
// "warning" or "info". The codes:
//
//	store-away, redis-away, model-away  it does not answer
//	redis-not-trusted  it answers, but this node does not use it just now
//	no-redis           it is not configured
//	no-auth, no-tls    who reaches Redis can read and write; can listen
//	maxmemory-unset, memory-high (above 80 %), eviction-policy (neither
//	                   allkeys-lru nor allkeys-lfu), keys-without-ttl
//	hit-rate-low       under 80 %, of at least 100; of a layer or of all
//	ttl-too-long       of a layer whose entries change ten times as often as
//	                   they run out
//	ttl-too-short      of a layer whose entries mostly run out unchanged and are
//	                   loaded again
//
// The object stats, here and in the metrics:
//
//	connected        Redis answered just now
//	totalKeys        keys in Redis's database, foreign ones included; without
//	                 Redis, entries in this node's memory
//	memoryInfo       memory that Redis uses (without Redis: this node's
//	                 entries), as in Redis's INFO: "1.21M"
//	uptime           seconds, of Redis (without Redis: of this server)
//	serverUptime     seconds, of this server
//	usedMemoryBytes  what memoryInfo says; 0 without Redis
//	maxMemoryBytes   Redis's maxmemory; 0: none
//	evictionPolicy   Redis's maxmemory-policy
//	redisVersion     of Redis
//	role             "master" or "slave", as Redis says
//	latencyMs        how long Redis took to answer just now
//	breaker          "closed": Redis is in use; "open": it is not; "half-open":
//	                 it is being tried
//	lastError        the last error of Redis
//	epoch            tells one history of Redis's data from another: it changes
//	                 with a new master
//	localItems       entries in this node's memory
//	localBytes       their size
//	localLimitBytes  the budget
//
// # GET /api/cache/metrics
//
// Counts since summary.since: the start, or the last reset.
//
//	status       "success"
//	timestamp    when this was added up
//	cache        connected, provider and stats, as above
//	performance  per endpoint, by method and route pattern:
//	               totalRequests      all of them: hits, misses and uncached
//	               cacheHits          answered from the cache
//	               cacheMisses        something had to be loaded or a model asked
//	               uncached           had nothing to do with the cache
//	               hitRate            of hits and misses
//	               avgResponseTime, totalResponseTime, p50, p95, p99
//	                                  to the last byte of the answer
//	               avgHitTime, avgMissTime
//	               memoryHits, redisHits, similarHits, coalescedHits
//	                                  the cacheHits, by where they came from
//	               stale, errors      given past its lifetime; failed here
//	               bytes              of the answers' bodies
//	summary      the same of all endpoints together, with overallHitRate for
//	             hitRate, and totalEndpoints and since
//	layers       per layer of the cache: name; hits (memoryHits, redisHits and
//	             shared: waited for another's load), misses, hitRate;
//	             negativeHits and staleHits (of the hits); loads, loadErrors,
//	             avgLoadTime; fills, fillsRefused (overtaken by an
//	             invalidation); invalidations; redisErrors; decodeErrors
//	             (entries in Redis that can't be read); queriesAvoided and
//	             queriesPaid; memoryItems, memoryBytes; hitP50, hitP95, hitP99
//	             (of looking up what was there) and loadP50, loadP95, loadP99;
//	             timeSavedMs; of answers, similar (to another question) and
//	             coalesced (joined while they were made)
//	savings      storeQueries (that read) and storeQueriesAvoided,
//	             queryReduction (avoided of both), storeWrites; modelCalls,
//	             modelCallsFailed and modelCallsAvoided; tokens and
//	             tokensAvoided; currency, moneySpent and moneySaved (decimal);
//	             timeSpentMs and timeSavedMs (of answers); unpricedModels, whose
//	             money is missing
//	ledger       whose all of that is: currency, since; assistants, the 100
//	             busiest, then "other" for the rest; layers
//	hot          what was asked for most lately, the 20 highest of keys and of
//	             assistants, each with count, and error, by which that may be too
//	             high
//	windows      minute, hour, day and week: requests, hits, misses, hitRate
//
//	scope        "node" or "fleet", as ?scope= says: what this node has counted,
//	             or all of them, those included that have ended or were lost
//	note         why it is not the fleet's though that was asked for
//	nodes        of the scope: name, version, startedAt, seenAt, self, alive,
//	             breaker, requests, hitRate, localBytes, localLimitBytes, behind
//	             (invalidations that it has not carried out yet)
//
// # GET /api/cache/timeline
//
// A window in equal steps, ?window=minute, hour, day or week, of the scope that
// ?scope= says, the oldest step first, the last one under way: {status, window,
// stepSeconds, scope, note, points: [{t, requests, hits, misses, modelCalls,
// modelCallsAvoided, queriesAvoided, moneySaved, avgMs}]}. Steps in which
// nothing happened are zeros.
//
// # GET /api/cache/days
//
// The totals of the last n days (?n=30; 1 to 400) in UTC, of all nodes, the
// oldest first: {status, currency, days: [{day, requests, hits, misses, storeQueries,
// queriesAvoided, modelCalls, modelCallsAvoided, tokens, tokensAvoided,
// moneySpent, moneySaved}]}. They are kept in the store, and no reset touches
// them. What other nodes counted in the last 15 seconds may be missing.
//
// # GET /api/cache/events
//
// What happened on this node after the event of a number (?after=SEQ), of the
// last 200: {status, events: [{seq, time, kind, node, message, key, receipt}]}.
// The kinds are invalidation, breaker, failover, epoch, node, push, warmup and
// reset; receipt is there for invalidations.
//
// # GET /api/cache/live
//
// A text/event-stream: the event "metrics" every second, as GET metrics with the
// same scope, and "event" for each event from now on.
//
// # GET /api/cache/entry
//
// What is known of one entry, ?key=schema:asst_...: {status, key, layer,
// memory: {present, bytes, expiresAt}, redis: {present, bytes, ttlMs},
// header: {format, layerVersion, sourceVersion, codec, compressed, createdAt,
// negative}, ageMs, lease (it is being loaded), floor, groups}, and with
// reveal=true its value, which the log notes. 404 when there is none.
//
// # POST /api/cache/metrics
//
// {"action": "reset-metrics"} sets all counters of this node to zero, with
// ?scope=fleet those of all nodes, and answers {status, action, message,
// timestamp}.
//
// {"action": "warmup", "assistantIds": [...]} (1 to 1,000 ids) loads data and
// schema of each assistant into the cache, waits for all, and answers
// {status: "success", action, timestamp, results, warmed, failed}, with the
// results {assistantId, queries, ok, error} in the order of the request.
// queries is what the store was asked; 0 means that all was cached. An
// assistant that can't be warmed has ok false and an error, and fails no
// others. With "Accept: application/x-ndjson" each result is sent as a line of
// its own as soon as it is there, and then the answer without results as the
// last; a body that ends without it was cut.
//
// # POST /api/cache/invalidate
//
// {"type": "assistant", "assistantId": "asst_..."} drops the data, schema and
// answers of an assistant; {"type": "thread", "threadId": "thread_..."} the
// context and answers of a thread; {"type": "all"} everything that deja has
// cached, and nothing else in Redis. The answer is {status: "success",
// message, timestamp, type, receipt}:
//
//	version       the version below which nothing is served any more; 0 if
//	              versions had no part in it
//	nodes         live nodes
//	acknowledged  of them, those known to serve the old values no more
//	remote        Redis has it; false: there is no Redis, or it is away and
//	              will be told on its return
//	elapsedMs     how long it took
package cacheapi
