// Package mongo is the [deja.Store] on MongoDB, by the official driver, for
// production and for more than one node.
//
// Collections: assistants, sources (the schemas of attached data sources),
// threads, messages, runs, one rows_<table id> per table, and leftovers, which
// remembers what somebody has to remove if a node dies at the wrong moment.
// There are no transactions: every change that readers must see as one is one
// update of one document, guarded by the version that it was based on, and
// everything around it is ordered such that a crash between two steps leaves
// at most something that nobody sees, and that [Store.Sweep] removes.
//
// Durability: writes are acknowledged by a journaled majority. Reads come from
// the primary at read concern majority: what was read cannot be rolled back
// by a failover, so a cache never holds a version that another write could
// take again. Both hold on replica sets; a single server journals. In the
// moments after a failover a read can be older than the last acknowledged
// write, until the new primary knows what the old one had acknowledged.
//
// Assistants may be edited by hand. Whoever does so should raise _v in the
// same update; [Store.Watch] reports edits whether they do or not.
package mongo
