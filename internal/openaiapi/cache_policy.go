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
)

// cachePolicy reads an assistant's field cache into it. What the field leaves
// out stays as it was; null takes the defaults.
func (v value) cachePolicy(a *deja.Assistant) {
	if v.null() {
		a.Sharing, a.Caching = "", deja.Caching{}
		return
	}
	o := v.object()
	o.only("policy", "ttl", "normalize", "skip")
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
