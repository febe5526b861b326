package cache

import (
	"math"
	"math/rand/v2"
)

// Early refresh is the XFetch algorithm of A. Vattani, F. Chierichetti and
// K. Lowenstein, "Optimal Probabilistic Cache Stampede Prevention" (VLDB
// 2015): each hit refreshes with a probability that rises towards expiry, in
// proportion to how long the load takes. With beta 1, as there.

// earlyFrom is the moment before which the probability is under 1 in 20,000,
// so that hits need no random number before it.
func earlyFrom(it *item) int64 { return it.fresh - 10*it.delta }

// usual says whether a hit at this time is one like any other: the item may
// still be served from memory, and this hit isn't the one to refresh it.
func (it *item) usual(now int64) bool {
	return now < min(it.kept, it.fresh) && !early(it, now)
}

// early says whether this hit should refresh the item.
func early(it *item, now int64) bool {
	if now < it.early || it.delta == 0 || it.negative {
		return false
	}
	return float64(now)-float64(it.delta)*math.Log(1-rand.Float64()) >= float64(it.fresh)
}
