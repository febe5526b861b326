package cacheapi

import "time"

// LivePatience sets how long readers of live streams may take.
func (a *API) LivePatience(d time.Duration) { a.live.patience = d }
