package mongo_test

import (
	"testing"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/mongo"
	"github.com/dejahq/deja/internal/mongotest"
	"github.com/dejahq/deja/internal/storetest"
)

func open(t *testing.T, uri string) *mongo.Store {
	t.Helper()
	s, err := mongo.Open(t.Context(), mongo.Options{URI: deja.NewSecret(uri)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) deja.Store { return open(t, mongotest.Start(t)) })
}
