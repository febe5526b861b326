package layers

import "time"

// Lifetimes gives how long entries of each layer live, by the layer's name.
func (l *Layers) Lifetimes() map[string]time.Duration {
	return map[string]time.Duration{
		AssistantData: l.o.AssistantTTL, SchemaInfo: l.o.SchemaTTL,
		ThreadContext: l.o.ContextTTL, MessageResponses: l.o.AnswerTTL,
	}
}
