package layers

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/dejahq/deja"
)

// warmUpAtOnce bounds how many assistants a warm-up loads at the same time,
// so that it never competes with live traffic for the whole store.
const warmUpAtOnce = 4

// Warmed is the outcome of warming one assistant.
type Warmed struct {
	AssistantID string
	Queries     int64 // store queries that it took; 0 when everything was cached
	Err         error
}

// WarmUp loads assistant data and schema of each id, a few at a time, and
// reports each as it is done; report is never called twice at once. Unknown
// ids are reported, not fatal. It ends early only with ctx.
func (l *Layers) WarmUp(ctx context.Context, ids []string, report func(Warmed)) error {
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(warmUpAtOnce)
	for _, id := range ids {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			ctx, queries := deja.CountQueries(ctx)
			_, err := l.Assistant(ctx, id)
			if err == nil {
				_, err = l.Schema(ctx, id)
			}
			mu.Lock()
			defer mu.Unlock()
			if report != nil {
				report(Warmed{AssistantID: id, Queries: queries.Reads.Load(), Err: err})
			}
			return nil
		})
	}
	return g.Wait()
}
