// Package cache is a cache of two levels, this process' memory and Redis,
// that can be trusted: what was invalidated is not served again, on any node,
// within the promise that you choose. Without Redis it is a memory cache with
// the same interface.
//
//	engine, err := cache.Open(ctx, cache.Options{Redis: &cache.RedisOptions{URL: "redis://localhost:6379/0"}})
//	users, err := cache.NewLayer(engine, cache.LayerOptions[User]{Name: "user", TTL: time.Hour})
//	u, err := users.Get(ctx, id, func(ctx context.Context, f *cache.Fill) (User, error) { return db.User(ctx, id) })
//	// after a change, in the code that made it:
//	_, err = users.Invalidate(ctx, id, 0)
//
// # What it does
//
// One load per key, in the process and in the fleet, however many callers
// wait; a caller that leaves doesn't end it, the last one does. Refresh before
// expiry (XFetch), stale while refreshing (StaleFor), stale when the source
// fails or is slow (StaleIfError, LoadSoftTimeout, LoadTimeout). Absence is
// remembered (NegativeTTL) or not; in any case an entry goes when its source
// says that it is gone. TTLs with jitter, compression, values that are filled by who produces them
// ([Layer.Claim]), updates in place ([Layer.Replace]), groups of entries that
// are invalidated at once, at the cost of one key ([Engine.InvalidateGroup]).
// One budget of bytes for the memory of all layers.
//
// [Layer.GetMany] is Get for many ids: the same promises for each of them, one
// read of Redis for 256 ids, and one call of the loader for all that nobody has.
// [Layer.InvalidateMany] tells Redis, and waits for other nodes, once for all.
//
// # How a fill can't undo an invalidation
//
// A load begins with a lease: a random nonce in Redis, beside the key. The
// fill is a script that writes only while that nonce stands. An invalidation
// removes the nonce, and the value, and may raise a floor below which no
// version is stored. So whatever was read before an invalidation is not
// stored after it, however the messages cross; this is the lease of Nishtala
// et al., "Scaling Memcache at Facebook" (NSDI 2013), with floors for sources
// that lag. Groups are generations, random tokens that entries carry since
// before their load; nothing depends on clocks of different machines agreeing.
//
// Redis pushes changes to the memory of nodes that have read a key (RESP3
// client tracking). What a node is about to put into its memory is watched
// from before it is read, so that a push that comes in between wins.
//
// # What is promised
//
// [Bounded] is the default; [Acknowledged] and [Strict] are chosen per layer,
// or per call with [WithPromise]. "Old" means a value that was invalidated,
// with a receipt whose Remote is true.
//
//	fault                         bounded                          acknowledged, strict
//	none                          old for a push's delay           never old
//	this node is cut off          forgets within 2 s, then loads   never old; loads each time
//	another node is cut off       that one forgets within 2 s      Invalidate waits for its lease (2 s)
//	process paused                old until its pushes arrive      never old
//	Redis hangs                   SoftTimeout once, then no wait   loads each time
//	Redis is down                 memory for AwayTTL, own loads    loads each time
//	Redis returns                 missed invalidations replayed    the same
//	Redis lost data, new master   all entries unreachable          the same; Invalidate waits 2 s
//	a node's clock is set         nothing, or it loads again       the same
//	Redis evicts keys             loads again                      loads again
//	Redis is full, evicts none    nothing new is stored            the same
//	another type under our keys   it is removed                    the same
//	scripts flushed               nothing                          nothing
//	loader fails or panics        error, or stale (StaleIfError)   the same
//
// And in any case: the node that invalidated doesn't serve the old value
// again; no Get waits for Redis longer than SoftTimeout (a GetMany, for each
// 256 ids, and not any more once it was not answered), plus once more for
// the fill after a load; every key in Redis has a TTL; nothing is ever
// scanned or flushed. Package cachetest tests all that on real servers, with
// faults in between; its command historycheck runs it for as long as you like:
//
//	go run github.com/dejahq/deja/cache/cachetest/historycheck -duration 10m -topology cluster
//
// # What is not promised
//
//   - A process that dies between its change of the source and the
//     invalidation, or while Redis is away and the invalidation is queued
//     ([Receipt].Queued), takes it along. The TTL bounds what follows, unless
//     the source itself keeps a mark of the change: set it in the write that
//     changes, clear it when the receipt isn't queued, and let any node repeat
//     the invalidation of a mark that stays. deja's stores do so.
//   - Changes of the source that nobody invalidates: the TTL bounds them.
//   - Floors can be evicted by a full Redis. They only guard against sources
//     that give older versions after newer ones.
//   - Clocks: an entry's age is told by the wall clock of who wrote it. Where
//     the reader's differs, the entry expires sooner, or later by no more than
//     its TTL; nothing invalidated is served for it. Everything else goes by
//     clocks that nobody can set, but for the leases of the acknowledged
//     promise, which are timed by Redis' clock: setting that forward by seconds
//     can end a lease early.
//   - A machine that is suspended as a whole, its monotonic clock included, may
//     serve from memory for two seconds after it goes on.
//   - A failover that cuts no connection is noticed within 2 s.
//   - A partition that leaves one node with a master that was replaced, and
//     others with the new one: what the one invalidates, the others don't hear
//     of before it ends. min-replicas-to-write 1 and min-replicas-max-lag 2
//     make such a master refuse, so that the invalidation is queued.
//
// # The fine print
//
//   - What memory gives is the value as it was loaded, what Redis gives is what
//     the codec reads back. A field that the codec skips is there on the node
//     that loaded, and missing on the others. Without Redis values are encoded
//     all the same, to know their size. One that the codec refuses is given to
//     who asked and not cached; that is logged, and counted by
//     [LayerStats].FillsRefused.
//   - A call whose context ends gives context.Cause of it.
//   - The context of a load ends when all its callers have left. A refresh in
//     the background has none, so nothing ends its context but
//     [LayerOptions].LoadTimeout; Close waits for it.
//   - A loader that gets its own key waits for itself, until LoadTimeout ends
//     it, or forever.
//   - Two releases whose layers differ in [LayerOptions].Version share the keys
//     and not the entries: each takes the other's for missing and puts its own
//     in its place, so that a key that both read is loaded each time they take
//     turns. What is served is right, and invalidations reach both; but the
//     source bears the load. So raise Version only for what the older release
//     can't read, and let the two not run beside each other for long. Another
//     Name or Prefix keeps them apart, but then each must be told of every
//     invalidation.
//
// # What operators see
//
// The entry of id in layer L is at prefix+"L:"+id: a header of 55 bytes and
// more (see header.go), then the value as its codec wrote it. Beside it, for
// as long as needed, prefix+"{key}:lease", ":floor", ":live" and ":followed",
// where key is the whole key of the entry, so that a cluster keeps them in its
// slot; generations at prefix+"gen:", for an hour when a group has no entries,
// else for longer than these; known masters at prefix+"epoch:", the registry of
// nodes at prefix+"{fleet}:", what the keys of L are counted by at
// prefix+"{L}:filled:" (some 12 KB each, nine or so at a time). Every key and channel begins with the prefix: a
// Redis user with "~prefix* &prefix*" will do. Server: Redis 7 or later (or
// Valkey), standalone, with Sentinel, or Cluster, RESP3.
//
// [Engine.Stats] counts, with histograms of how long hits and loads take;
// [Engine.Health] asks Redis how it is; [Engine.Nodes] tells who is in the
// fleet, and who lags; [Engine.CountKeys] estimates the keys of each layer
// without looking at them; [Engine.Inspect] shows one entry, and
// Options.OnEvent hears of invalidations, failovers and the like. Packages
// cacheprom and cacheotel give all that to Prometheus and OpenTelemetry; this
// package imports neither.
//
// # What was chosen by measuring
//
// The default codec is encoding/json. encoding/json/v2 decodes faster, answers
// of a model in half the time, and encodes slower; it is there only for programs
// built with GOEXPERIMENT=jsonv2, so it is a codec to bring along ([Codec] has
// two methods). Values of 4 KB and more are packed with s2, which takes less
// processor time than zstd to pack and to unpack, for half as many bytes again.
// A call without a loader ([LayerOptions].Load) allocates nothing on a hit in
// memory. The figures, beside those of other libraries, are in
// bench/RESULTS.md.
//
// Everything here is safe for concurrent use.
package cache
