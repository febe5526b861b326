package mongo

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// TestEvents reads change events as MongoDB writes them, with what the server
// of the tests leaves out.
func TestEvents(t *testing.T) {
	t.Parallel()
	key := bson.E{Key: "documentKey", Value: bson.D{{Key: "_id", Value: "asst_x"}}}
	full := bson.E{Key: "fullDocument", Value: bson.D{{Key: "_id", Value: "asst_x"}, {Key: "_v", Value: int64(7)}, {Key: "name", Value: "n"}}}
	gone := bson.E{Key: "fullDocument", Value: nil}
	is := func(operation string) bson.E { return bson.E{Key: "operationType", Value: operation} }
	updated := func(fields bson.D, removed ...string) bson.E {
		return bson.E{Key: "updateDescription", Value: bson.D{{Key: "updatedFields", Value: fields}, {Key: "removedFields", Value: append([]string{}, removed...)}}}
	}
	raised := updated(bson.D{{Key: "_v", Value: int64(7)}, {Key: "name", Value: "n"}})
	for _, c := range []struct {
		event bson.D
		want  Change
		means bool
	}{
		{bson.D{is("insert"), key, full}, Change{AssistantID: "asst_x", Version: 7}, true},
		{bson.D{is("update"), key, full, raised}, Change{AssistantID: "asst_x", Version: 7}, true},
		{bson.D{is("update"), key, gone, raised}, Change{AssistantID: "asst_x"}, true},
		{bson.D{is("update"), key, full, updated(bson.D{{Key: "name", Value: "n"}})}, Change{AssistantID: "asst_x", Version: 7, ByHand: true}, true},
		{bson.D{is("update"), key, full, updated(bson.D{}, "name")}, Change{AssistantID: "asst_x", Version: 7, ByHand: true}, true},
		{bson.D{is("update"), key, full, updated(bson.D{{Key: "fence", Value: 1}})}, Change{}, false},
		{bson.D{is("update"), key, full, updated(bson.D{}, "dirty")}, Change{}, false},
		{bson.D{is("update"), {Key: "documentKey", Value: bson.D{{Key: "$unset", Value: bson.D{{Key: "dirty", Value: ""}}}}}, full}, Change{}, false},
		{bson.D{is("update"), key, full, updated(bson.D{}, "dirty", "name")}, Change{AssistantID: "asst_x", Version: 7, ByHand: true}, true},
		{bson.D{is("update"), key, full, updated(bson.D{{Key: "fence", Value: 1}}, "name")}, Change{AssistantID: "asst_x", Version: 7, ByHand: true}, true},
		{bson.D{is("replace"), key, full}, Change{AssistantID: "asst_x", Version: 7, ByHand: true}, true},
		{bson.D{is("delete"), key}, Change{AssistantID: "asst_x"}, true},
		{bson.D{is("delete"), {Key: "documentKey", Value: bson.D{{Key: "_id", Value: bson.NewObjectID()}}}}, Change{}, true},
		{bson.D{is("drop")}, Change{}, true},
		{bson.D{is("rename")}, Change{}, true},
		{bson.D{is("invalidate")}, Change{}, true},
		{bson.D{is("createIndexes")}, Change{}, false},
	} {
		data, err := bson.Marshal(c.event)
		if err != nil {
			t.Fatal(err)
		}
		var e event
		if err := bson.Unmarshal(data, &e); err != nil {
			t.Errorf("%s: %v", bson.Raw(data), err)
			continue
		}
		if got, means := e.change(); got != c.want || means != c.means {
			t.Errorf("%s: %+v, %v, want %+v, %v", bson.Raw(data), got, means, c.want, c.means)
		}
	}
}
