package ratelimit_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/netip"

	"github.com/dejahq/deja/ratelimit"
)

func Example() {
	// With Redis: &ratelimit.RedisOptions{URL: "redis://localhost:6379"}, and
	// all nodes share the limit.
	limiter, err := ratelimit.New(ratelimit.Options{Limit: 2})
	if err != nil {
		log.Fatal(err)
	}
	defer limiter.Close()

	client := ratelimit.Addr(netip.MustParseAddr("203.0.113.9"))
	for range 3 {
		r, err := limiter.Allow(context.Background(), client, 1)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.Allowed, r.Remaining, "of", r.Limit)
	}
	// Output:
	// true 1 of 2
	// true 0 of 2
	// false 0 of 2
}

func ExampleResult_Header() {
	limiter, err := ratelimit.New(ratelimit.Options{Limit: 60})
	if err != nil {
		log.Fatal(err)
	}
	defer limiter.Close()

	handler := http.NotFoundHandler()
	limited := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := ratelimit.Secret(r.Header.Get("Authorization"))
		result, err := limiter.Allow(r.Context(), client, 1)
		if err != nil {
			return // the client has gone
		}
		result.Header(w.Header())
		if !result.Allowed {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		handler.ServeHTTP(w, r)
	})
	http.Handle("/v1/", limited)
}

func ExampleLimiter_Key() {
	limiter, err := ratelimit.New(ratelimit.Options{Limit: 60, Prefix: "shop:"})
	if err != nil {
		log.Fatal(err)
	}
	defer limiter.Close()
	fmt.Println(limiter.Key("ip_10.0.0.1"))
	fmt.Println(limiter.Key("a key that nobody should read"))
	// Output:
	// shop:rate_limit:ip_10.0.0.1:60
	// shop:rate_limit:h_cexwu6m5mop7gkmtktxesperxi:60
}
