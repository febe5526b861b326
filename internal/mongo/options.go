package mongo

import (
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/dejahq/deja"
)

// Options configure a Store. Only URI is needed.
type Options struct {
	// URI is a connection string, mongodb:// or mongodb+srv://. Its settings
	// stand, but for write concern, read concern and read preference, which
	// the store needs to be what they are.
	URI deja.Secret

	// Database is the database's name where URI names none. Default "deja".
	Database string

	// ConnectTimeout bounds the search for a server that answers, and the
	// connection to it, where URI does not say otherwise. Default 5 s.
	ConnectTimeout time.Duration

	// Timeout bounds a query whose context has no deadline. Default 30 s.
	Timeout time.Duration

	Logger *slog.Logger // default discards

	dialer options.ContextDialer // nil but in tests
}

// checked gives the options with their defaults, and the driver's. No error
// repeats a part of the URI, which may hold a password.
func (o Options) checked() (Options, *options.ClientOptions, error) {
	uri := o.URI.Reveal()
	if uri == "" {
		return o, nil, deja.Errorf(deja.CodeInvalid, "MongoDB: no connection string is set.")
	}
	client := options.Client().ApplyURI(uri)
	if err := client.Validate(); err != nil {
		if dns, is := errors.AsType[*net.DNSError](err); is {
			return o, nil, deja.Wrap(deja.CodeUnavailable, dns, "MongoDB: the host of the connection string cannot be looked up.")
		}
		return o, nil, deja.Errorf(deja.CodeInvalid, "MongoDB: the connection string is not valid, or names a file that cannot be read. It looks like mongodb://user:password@host:27017/database, with special characters in the password written as %%XX.")
	}
	if named := databaseOf(uri); named != "" {
		o.Database = named
	}
	if o.Database == "" {
		o.Database = "deja"
	}
	if len(o.Database) > 63 || strings.ContainsAny(o.Database, "/\\. \"$*<>:|?\x00") {
		return o, nil, deja.Errorf(deja.CodeInvalid, "MongoDB: %.70q cannot be the name of a database.", o.Database)
	}
	if o.ConnectTimeout < 0 || o.Timeout < 0 {
		return o, nil, deja.Errorf(deja.CodeInvalid, "MongoDB: a timeout cannot be negative.")
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = 5 * time.Second
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}

	if client.AppName == nil {
		client.SetAppName("deja")
	}
	if client.ServerSelectionTimeout == nil {
		client.SetServerSelectionTimeout(o.ConnectTimeout)
	}
	if client.ConnectTimeout == nil {
		client.SetConnectTimeout(o.ConnectTimeout)
	}
	if o.dialer != nil {
		client.SetDialer(o.dialer)
	}
	journaled := writeconcern.Majority()
	journaled.Journal = new(true)
	client.SetWriteConcern(journaled)
	client.SetReadConcern(readconcern.Majority())
	client.SetReadPreference(readpref.Primary())
	client.SetRegistry(registry())
	client.SetBSONOptions(&options.BSONOptions{UseJSONStructTags: true})
	return o, client, nil
}

// databaseOf gives the database in a valid connection string, if there is one.
func databaseOf(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	rest, _, _ = strings.Cut(rest, "?")
	_, name, _ := strings.Cut(rest, "/")
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}

// latest reads what the primary has, acknowledged by others or not. A write
// that is about to be guarded by what was read wants this; a reader who will
// show or cache it does not.
func latest(c *driver.Collection) *driver.Collection {
	return c.Clone(options.Collection().SetReadConcern(readconcern.Local()))
}
