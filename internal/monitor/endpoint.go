package monitor

import "time"

// kind is a request's relation to the cache.
type kind uint8

const (
	hit kind = iota
	miss
	uncached
	kinds
)

// endpoint counts the requests to one route, by kind: hits and misses take
// such different times that one distribution would describe neither.
type endpoint struct {
	times     [kinds]histogram
	responses responses
}

func (e *endpoint) record(k kind, d time.Duration) { e.times[k].record(d) }

func (e *endpoint) describe(label string) Endpoint {
	return Endpoint{
		Label: label, Responses: e.responses.sum(),
		Hits: e.times[hit].latency(), Misses: e.times[miss].latency(), Uncached: e.times[uncached].latency(),
	}
}
