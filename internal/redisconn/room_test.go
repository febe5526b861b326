package redisconn_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/dejahq/deja/internal/redisconn"
	"github.com/dejahq/deja/internal/redistest"
)

// While the server hangs every caller leaves when his context ends, however
// many there are; afterwards there is room again. The connection isn't given
// up within the test, so nothing else ends a wait.
func TestHungServerHoldsNobody(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	o, err := redisconn.Parse(srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	o.AnswerWithin = 2 * time.Minute
	c, err := redisconn.OpenWith(o, redisconn.Hooks{Invalidated: func([]rueidis.RedisMessage) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	client, _ := c.Client()
	get := func(ctx context.Context, i int) error {
		cmd := client.B().Get().Key(fmt.Sprint(i)).Build()
		if i%2 == 0 {
			return client.Do(ctx, cmd).Error()
		}
		return client.DoMulti(ctx, cmd)[0].Error()
	}
	srv.Pause()
	resume := sync.OnceFunc(srv.Resume)
	defer resume()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	var wg sync.WaitGroup
	for i := range 5000 {
		wg.Go(func() {
			if err := get(ctx, i); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if took := time.Since(began); took > time.Minute {
		t.Errorf("held up for %v", took)
	}
	resume()
	for i := range 5000 { // more than there are places
		wg.Go(func() {
			if err := get(t.Context(), i); !rueidis.IsRedisNil(err) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
