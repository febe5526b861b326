// Package layers names the cached kinds of data of deja and keeps them
// coherent with the store: assistant data, schema info, thread context and
// message responses, each a typed layer on the cache engine, with the keys
// and lifetimes that operators know. Every write of these kinds goes through
// here: the store first, the caches next.
package layers

import (
	"errors"
	"log/slog"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/cache"
)

// Names of the layers: the first part of their keys, and their labels in metrics.
const (
	AssistantData    = "assistant_data"
	SchemaInfo       = "schema"
	ThreadContext    = "thread_ctx"
	MessageResponses = "message"
)

// Options configure Layers. Zero values take the defaults named.
type Options struct {
	AssistantTTL time.Duration // default 1800 s
	SchemaTTL    time.Duration // default 3600 s
	ContextTTL   time.Duration // default 7200 s
	AnswerTTL    time.Duration // default 86400 s
	AbsentTTL    time.Duration // how long an unknown id is remembered; default 10 s

	// AnswersKept is how long answers are kept past their lifetime, for when no
	// model answers. 0: not at all.
	AnswersKept time.Duration

	// Off leaves the caches alone: every read is one of the store, and no
	// answer is cached or shared. It is for finding out what they are worth.
	Off bool

	// ContextMessages is how many messages of a thread the next turn sees.
	// Default 40.
	ContextMessages int

	Logger *slog.Logger // debug logs each hit and miss; default discards
}

// Layers are the named layers over one store. Safe for concurrent use.
type Layers struct {
	store  deja.Store
	engine *cache.Engine
	o      Options
	log    *slog.Logger

	assistants *cache.Layer[*deja.Assistant]
	schemas    *cache.Layer[*deja.Schema]
	contexts   *cache.Layer[*deja.ThreadContext]
	answers    *cache.Layer[*deja.Answer]

	repairs repairs
}

// New adds the layers to an engine.
func New(engine *cache.Engine, store deja.Store, o Options) (*Layers, error) {
	if engine == nil || store == nil {
		return nil, errors.New("layers: an engine and a store are needed")
	}
	setDefault(&o.AssistantTTL, 30*time.Minute)
	setDefault(&o.SchemaTTL, time.Hour)
	setDefault(&o.ContextTTL, 2*time.Hour)
	setDefault(&o.AnswerTTL, 24*time.Hour)
	setDefault(&o.AbsentTTL, 10*time.Second)
	if o.ContextMessages <= 0 {
		o.ContextMessages = 40
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Layers{store: store, engine: engine, o: o, log: o.Logger}
	var errs [4]error
	l.assistants, errs[0] = cache.NewLayer(engine, cache.LayerOptions[*deja.Assistant]{
		Name: AssistantData, Version: 2, TTL: o.AssistantTTL, NegativeTTL: o.AbsentTTL,
	})
	l.schemas, errs[1] = cache.NewLayer(engine, cache.LayerOptions[*deja.Schema]{
		Name: SchemaInfo, Version: 1, TTL: o.SchemaTTL, NegativeTTL: o.AbsentTTL,
	})
	l.contexts, errs[2] = cache.NewLayer(engine, cache.LayerOptions[*deja.ThreadContext]{
		Name: ThreadContext, Version: 1, TTL: o.ContextTTL,
	})
	l.answers, errs[3] = cache.NewLayer(engine, cache.LayerOptions[*deja.Answer]{
		Name: MessageResponses, Version: 2, TTL: o.AnswerTTL, StaleIfError: max(o.AnswersKept, 0),
	})
	return l, errors.Join(errs[:]...)
}

func setDefault(d *time.Duration, v time.Duration) {
	if *d <= 0 {
		*d = v
	}
}

// Off reports whether the caches are left alone.
func (l *Layers) Off() bool { return l.o.Off }

// Engine gives the engine that the layers are on.
func (l *Layers) Engine() *cache.Engine { return l.engine }

// Store gives the store behind the layers, for what is not cached.
func (l *Layers) Store() deja.Store { return l.store }
