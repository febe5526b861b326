package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/dejahq/deja"
)

// collection runs commands on one collection: each is counted once, bounded
// in time, and fails with a *deja.Error. Only duplicate keys are given back as
// the driver's errors, because each caller knows what they mean.
type collection struct {
	s *Store
	c *driver.Collection
}

// latest is the same collection, read without waiting for a majority.
func (c collection) latest() collection { return collection{c.s, latest(c.c)} }

// limited gives a context that ends: a server that does not answer holds
// nobody for ever.
func (s *Store) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.timeout)
}

// one reads the document that matches into out, and reports whether there is
// one. A nil projection reads all of it.
func (c collection) one(ctx context.Context, filter, projection bson.D, out any) (bool, error) {
	deja.CountRead(ctx)
	within, cancel := c.s.limited(ctx)
	defer cancel()
	o := options.FindOne()
	if projection != nil {
		o.SetProjection(projection)
	}
	return c.single(ctx, c.c.FindOne(within, filter, o), out)
}

// has reports whether a document matches.
func (c collection) has(ctx context.Context, filter bson.D) (bool, error) {
	var d struct{}
	return c.one(ctx, filter, bson.D{{Key: "_id", Value: 1}}, &d)
}

// update changes the one document that matches, and reports whether there was one.
func (c collection) update(ctx context.Context, filter, update bson.D) (bool, error) {
	deja.CountWrite(ctx)
	within, cancel := c.s.limited(ctx)
	defer cancel()
	res, err := c.c.UpdateOne(within, filter, update)
	if err != nil {
		return false, fail(ctx, err)
	}
	return res.MatchedCount > 0, nil
}

// updateAll changes every document that matches and gives their number.
func (c collection) updateAll(ctx context.Context, filter, update bson.D) (int64, error) {
	deja.CountWrite(ctx)
	within, cancel := c.s.limited(ctx)
	defer cancel()
	res, err := c.c.UpdateMany(within, filter, update)
	if err != nil {
		return 0, fail(ctx, err)
	}
	return res.MatchedCount, nil
}

// updated changes the one document that matches and reads it into out as it
// is then; it reports whether there was one.
func (c collection) updated(ctx context.Context, filter, update bson.D, out any) (bool, error) {
	deja.CountWrite(ctx)
	within, cancel := c.s.limited(ctx)
	defer cancel()
	o := options.FindOneAndUpdate().SetReturnDocument(options.After)
	return c.single(ctx, c.c.FindOneAndUpdate(within, filter, update, o), out)
}

func (c collection) single(ctx context.Context, res *driver.SingleResult, out any) (bool, error) {
	switch err := res.Err(); {
	case errors.Is(err, driver.ErrNoDocuments):
		return false, nil
	case err != nil:
		return false, fail(ctx, err)
	}
	if err := res.Decode(out); err != nil {
		return false, fail(ctx, &malformed{err})
	}
	return true, nil
}

// insert adds one document. A duplicate key is left for [driver.IsDuplicateKeyError].
func (c collection) insert(ctx context.Context, doc any) error {
	deja.CountWrite(ctx)
	within, cancel := c.s.limited(ctx)
	defer cancel()
	_, err := c.c.InsertOne(within, doc)
	return c.unlessDuplicate(ctx, err)
}

// insertMany adds documents in order, up to the first that fails, or without
// order all that can be added; it gives the number of documents before the
// first failure. A duplicate key is left for [driver.IsDuplicateKeyError].
func (c collection) insertMany(ctx context.Context, docs []any, ordered bool) (int, error) {
	deja.CountWrite(ctx)
	within, cancel := c.s.limited(ctx)
	defer cancel()
	_, err := c.c.InsertMany(within, docs, options.InsertMany().SetOrdered(ordered))
	if err == nil {
		return len(docs), nil
	}
	done := 0
	if bulk, is := errors.AsType[driver.BulkWriteException](err); is && len(bulk.WriteErrors) > 0 {
		done = bulk.WriteErrors[0].Index
	}
	return done, c.unlessDuplicate(ctx, err)
}

func (c collection) unlessDuplicate(ctx context.Context, err error) error {
	if driver.IsDuplicateKeyError(err) && ctx.Err() == nil {
		return err
	}
	return fail(ctx, err)
}

// delete removes the one document that matches and reports whether there was one.
func (c collection) delete(ctx context.Context, filter bson.D) (bool, error) {
	deja.CountWrite(ctx)
	within, cancel := c.s.limited(ctx)
	defer cancel()
	res, err := c.c.DeleteOne(within, filter)
	if err != nil {
		return false, fail(ctx, err)
	}
	return res.DeletedCount > 0, nil
}

// deleteAll removes every document that matches.
func (c collection) deleteAll(ctx context.Context, filter bson.D) error {
	deja.CountWrite(ctx)
	within, cancel := c.s.limited(ctx)
	defer cancel()
	_, err := c.c.DeleteMany(within, filter)
	return fail(ctx, err)
}

// drop removes the collection; one that is not there is no error.
func (c collection) drop(ctx context.Context) error {
	deja.CountWrite(ctx)
	within, cancel := c.s.limited(ctx)
	defer cancel()
	return fail(ctx, c.c.Drop(within))
}

// find reads all documents that match.
func find[T any](ctx context.Context, c collection, filter bson.D, o *options.FindOptionsBuilder) ([]T, error) {
	deja.CountRead(ctx)
	within, cancel := c.s.limited(ctx)
	defer cancel()
	cursor, err := c.c.Find(within, filter, o)
	return all[T](ctx, within, c, cursor, err)
}

// aggregate reads what a pipeline gives.
func aggregate[T any](ctx context.Context, c collection, pipeline []bson.D) ([]T, error) {
	deja.CountRead(ctx)
	within, cancel := c.s.limited(ctx)
	defer cancel()
	cursor, err := c.c.Aggregate(within, pipeline, options.Aggregate().SetAllowDiskUse(true))
	return all[T](ctx, within, c, cursor, err)
}

func all[T any](ctx, within context.Context, c collection, cursor *driver.Cursor, err error) ([]T, error) {
	if err != nil {
		return nil, fail(ctx, err)
	}
	defer func() {
		// Tells the server to forget the cursor, if it was not read to its end.
		end, cancel := context.WithTimeout(context.WithoutCancel(within), closeTime)
		defer cancel()
		cursor.Close(end)
	}()
	var docs []T
	for cursor.Next(within) {
		var doc T
		if err := cursor.Decode(&doc); err != nil {
			return nil, fail(ctx, &malformed{err})
		}
		docs = append(docs, doc)
	}
	return docs, fail(ctx, cursor.Err())
}
