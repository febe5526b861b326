package monitor

import "sync/atomic"

// Source says where the answer to a hit came from.
type Source uint8

// The sources. A request that looked into several layers has the farthest.
const (
	NoSource  Source = iota // no hit
	Memory                  // this node's memory
	Redis                   // Redis, at least in part
	Similar                 // a question close enough
	Coalesced               // an answer or a load that another request had begun
)

// Response is what there is to tell of a request besides its time.
type Response struct {
	Source Source
	Stale  bool // what it was given was past its lifetime
	Failed bool // by a fault on this side: status 500 and above
	Bytes  int64
}

// Responses adds up the responses of an endpoint.
type Responses struct {
	Memory    int64 `json:"memory"` // of the hits, as the next three
	Redis     int64 `json:"redis"`
	Similar   int64 `json:"similar"`
	Coalesced int64 `json:"coalesced"`
	Stale     int64 `json:"stale"` // of them all
	Errors    int64 `json:"errors"`
	Bytes     int64 `json:"bytes"`
}

// Add gives the sum of both.
func (r Responses) Add(o Responses) Responses {
	return Responses{
		Memory: r.Memory + o.Memory, Redis: r.Redis + o.Redis, Similar: r.Similar + o.Similar, Coalesced: r.Coalesced + o.Coalesced,
		Stale: r.Stale + o.Stale, Errors: r.Errors + o.Errors, Bytes: r.Bytes + o.Bytes,
	}
}

// responses is Responses in the making.
type responses struct {
	sources              [Coalesced + 1]atomic.Int64
	stale, errors, bytes atomic.Int64
}

func (c *responses) record(r Response) {
	if r.Source != NoSource {
		c.sources[r.Source].Add(1)
	}
	if r.Stale {
		c.stale.Add(1)
	}
	if r.Failed {
		c.errors.Add(1)
	}
	c.bytes.Add(r.Bytes)
}

func (c *responses) sum() Responses {
	return Responses{
		Memory: c.sources[Memory].Load(), Redis: c.sources[Redis].Load(),
		Similar: c.sources[Similar].Load(), Coalesced: c.sources[Coalesced].Load(),
		Stale: c.stale.Load(), Errors: c.errors.Load(), Bytes: c.bytes.Load(),
	}
}

// RecordResponse counts what a request to an endpoint was given; RecordHit,
// RecordMiss or RecordUncached count the request itself.
func (m *Monitor) RecordResponse(endpoint string, r Response) {
	if m != nil {
		m.endpoint(endpoint).responses.record(r)
	}
}
