package answer

import (
	"context"
	"time"
)

// SweepLost ends runs that nobody has been seen at since seenBefore.
func (a *Answerer) SweepLost(ctx context.Context, seenBefore time.Time) {
	a.sweep(ctx, seenBefore)
}
