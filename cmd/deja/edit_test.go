package main

import (
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/mongotest"
)

// TestEditByHand: somebody changes an assistant in the database, past deja;
// every node's cache follows, answers included.
func TestEditByHand(t *testing.T) {
	t.Parallel()
	uri := mongotest.Start(t)
	model, flags := scriptedModel(t)
	_, api := startNode(t, append(flags, "--mongodb-uri="+uri)...)
	id := shop(t, api)
	wantOutcome(t, second(turn(t, api, id, "What is it?")), client.Miss)
	wantOutcome(t, second(turn(t, api, id, "What is it?")), client.Hit)

	db, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Disconnect(t.Context())
	where, err := connstring.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	res, err := db.Database(where.Database).Collection("assistants").UpdateOne(t.Context(),
		bson.D{{Key: "_id", Value: id}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "instructions", Value: "Changed by hand."}}}})
	if err != nil || res.ModifiedCount != 1 {
		t.Fatal(res, err)
	}
	eventually(t, "the edit is seen", func() bool {
		turn(t, api, id, "What is it?")
		return strings.Contains(model.LastRequest().Messages[0].Text, "Changed by hand.")
	})
}
