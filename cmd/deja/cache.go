package main

// cacheCmd talks to a running server about its cache.
type cacheCmd struct {
	connection `embed:""`

	Health     cacheHealthCmd     `cmd:"" help:"Show how the server, its cache and its store are. Status 1 when unhealthy."`
	Stats      cacheStatsCmd      `cmd:"" help:"Show hit rates, times, layers, and what the cache saved."`
	Top        cacheTopCmd        `cmd:"" help:"Watch rates, layers and hot keys as they change."`
	Inspect    cacheInspectCmd    `cmd:"" help:"Look into one entry: where it is, its age, lifetime and versions. Status 1 when there is none."`
	Invalidate cacheInvalidateCmd `cmd:"" help:"Drop what is cached for an assistant, for a thread, or at all."`
	Warm       cacheWarmCmd       `cmd:"" help:"Load assistants into the cache. Status 1 when one of them can't be."`
}
