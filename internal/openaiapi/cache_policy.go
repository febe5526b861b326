package openaiapi

import (
	"cmp"
	"time"

	"github.com/dejahq/deja"
)

// cachePolicy is an assistant's field cache, as it is shown.
type cachePolicy struct {
	Policy    deja.Sharing `json:"policy"`
	TTL       *float64     `json:"ttl"` // seconds; null: the server's
	Normalize bool         `json:"normalize"`
	Skip      cacheSkip    `json:"skip"`

	// SafeTools are tools whose calls may be cached; "*" is all of them.
	SafeTools []string `json:"safe_tools"`

	// StaleIfError is for how many seconds past its ttl an answer is given while
	// the model's server fails; null: the server's.
	StaleIfError *float64 `json:"stale_if_error"`

	// ReplayRate is how many pieces a second a hit is streamed in; 0: at once;
	// null: the server's.
	ReplayRate *float64 `json:"replay_rate"`
}

type cacheSkip struct {
	TimeSensitive    bool     `json:"time_sensitive"`
	Words            []string `json:"words"`
	TemperatureAbove *float64 `json:"temperature_above"`
	Attachments      bool     `json:"attachments"`
}

func showCachePolicy(a *deja.Assistant) cachePolicy {
	c := &a.Caching
	p := cachePolicy{
		Policy: cmp.Or(a.Sharing, deja.ShareThread), Normalize: c.Normalize,
		Skip: cacheSkip{
			TimeSensitive: c.SkipTimeSensitive, Words: append([]string{}, c.SkipWords...),
			TemperatureAbove: c.SkipTemperature, Attachments: c.SkipAttachments,
		},
		SafeTools: append([]string{}, c.SafeTools...), ReplayRate: c.ReplayRate,
	}
	if c.StaleIfError != nil {
		p.StaleIfError = new(c.StaleIfError.Seconds())
	}
	if c.TTL > 0 {
		p.TTL = new(c.TTL.Seconds())
	}
	return p
}

const (
	maxAnswerTTL    = 30 * 24 * 60 * 60 // seconds
	maxSkipWords    = 100
	maxSkipWordSize = 100
	maxReplayRate   = 10_000 // pieces a second
)

// cachePolicy reads an assistant's field cache into it. What the field leaves
// out stays as it was; null takes the defaults.
func (v value) cachePolicy(a *deja.Assistant) {
	if v.null() {
		a.Sharing, a.Caching = "", deja.Caching{}
		return
	}
	o := v.object()
	o.only("policy", "ttl", "normalize", "skip", "safe_tools", "stale_if_error", "replay_rate")
	if p, ok := o.opt("policy"); ok {
		a.Sharing = deja.Sharing(p.choice(string(deja.ShareOff), string(deja.ShareThread), string(deja.ShareAssistant)))
	}
	c := &a.Caching
	if t, ok := o.get("ttl"); ok {
		c.TTL = 0
		if !t.null() {
			c.TTL = time.Duration(t.integer(1, maxAnswerTTL)) * time.Second
		}
	}
	if n, ok := o.opt("normalize"); ok {
		c.Normalize = n.boolean()
	}
	if t, ok := o.get("safe_tools"); ok {
		c.SafeTools = t.safeTools()
	}
	if e, ok := o.get("stale_if_error"); ok {
		c.StaleIfError = nil
		if !e.null() {
			c.StaleIfError = new(time.Duration(e.integer(0, maxAnswerTTL)) * time.Second)
		}
	}
	if r, ok := o.get("replay_rate"); ok {
		c.ReplayRate = r.optionalNumber(0, maxReplayRate)
	}
	s, ok := o.get("skip")
	if !ok {
		return
	}
	if s.null() {
		c.SkipTimeSensitive, c.SkipWords, c.SkipTemperature, c.SkipAttachments = false, nil, nil, false
		return
	}
	s.object().skipRules(c)
}

func (o object) skipRules(c *deja.Caching) {
	o.only("time_sensitive", "words", "temperature_above", "attachments")
	if v, ok := o.opt("time_sensitive"); ok {
		c.SkipTimeSensitive = v.boolean()
	}
	if v, ok := o.get("words"); ok {
		c.SkipWords = nil
		if !v.null() {
			for _, word := range v.array(maxSkipWords) {
				c.SkipWords = append(c.SkipWords, word.some(maxSkipWordSize))
			}
		}
	}
	if v, ok := o.get("temperature_above"); ok {
		c.SkipTemperature = v.optionalNumber(0, 2)
	}
	if v, ok := o.opt("attachments"); ok {
		c.SkipAttachments = v.boolean()
	}
}

// safeTools reads names of tools, or "*".
func (v value) safeTools() []string {
	if v.null() {
		return nil
	}
	var names []string
	for _, e := range v.array(maxAssistantTools) {
		if string(e.raw) == `"*"` {
			names = append(names, deja.AnyTool)
			continue
		}
		names = append(names, e.functionName())
	}
	return names
}
