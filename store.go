package deja

import (
	"context"
	"iter"
	"time"
)

// Store keeps everything that must not be lost. There are two: internal/sqlite
// and internal/mongo; internal/storetest holds both to this contract.
//
// Every method is safe for concurrent use, returns errors with a [Code]
// (CodeNotFound, CodeConflict, CodeActiveRun, CodeUnavailable, ...), and when
// a writing method returns nil, the write survives a kill -9 of the process.
// Values passed in and handed out are the caller's own: a store keeps no
// pointer to them. Times are kept to the millisecond, in UTC, and JSON as it
// was sent, up to white space and escapes.
//
// An id that is not there, whatever it looks like, is CodeNotFound; creating
// one that exists is CodeConflict. A cancelled context is CodeCancelled, one
// past its deadline CodeUnavailable, both wrapping the context's error. After
// Close everything is CodeUnavailable.
type Store interface {
	// CreateAssistant stores a new assistant; it sets Version and DataVersion
	// to 1 on a.
	CreateAssistant(ctx context.Context, a *Assistant) error
	Assistant(ctx context.Context, id string) (*Assistant, error)
	// Assistants lists by creation, see Page.
	Assistants(ctx context.Context, p Page) (Listing[Assistant], error)
	// UpdateAssistant replaces everything but Sources, DataVersion and
	// CreatedAt, if the stored version is a.Version, and raises a.Version by
	// one; else CodeConflict. Use EditAssistant to retry.
	UpdateAssistant(ctx context.Context, a *Assistant) error
	// DeleteAssistant deletes the assistant with its data sources and rows.
	DeleteAssistant(ctx context.Context, id string) error

	// Marks gives marks of changes that nobody has confirmed, oldest first, at
	// most limit. UpdateAssistant, AttachSource and DetachSource set the
	// assistant's mark in the write that changes it, DeleteAssistant in or
	// before the one that removes it: whoever dies after a change leaves a
	// mark of it.
	Marks(ctx context.Context, limit int) ([]Mark, error)
	// ClearMark confirms a change: the caches know of it. It leaves the mark
	// of a later change alone; one that is not there is no error.
	ClearMark(ctx context.Context, m Mark) error

	// ImportRows stores the rows of a table that no source shows yet, and
	// gives their number. On an error, of the store or of the sequence, no
	// row stays; the sequence's own error is given back, in a chain. A row
	// that has not one value of its column's form for each column is
	// CodeInvalid. The store holds a bounded number of rows in memory, and
	// other writers go on meanwhile.
	ImportRows(ctx context.Context, t Table, rows iter.Seq2[Row, error]) (int64, error)
	// AttachSource makes a source with imported tables part of its assistant,
	// raising Version and DataVersion in the same update that lists it: all
	// of it is visible, or nothing. CodeConflict when the assistant already
	// has a source of that name, CodeNotFound when rows of a table have not
	// been imported. It gives the assistant as updated.
	AttachSource(ctx context.Context, s *DataSource) (*Assistant, error)
	// DetachSource removes a source from its assistant the same way, then
	// its rows.
	DetachSource(ctx context.Context, assistantID, sourceID string) (*Assistant, error)
	// Sources gives the attached sources of an assistant with their schemas,
	// in order of attachment, and the DataVersion that they stand for.
	Sources(ctx context.Context, assistantID string) ([]DataSource, int64, error)
	// DropRows removes imported rows of tables that were never attached;
	// tables that are not there are no error.
	DropRows(ctx context.Context, tableIDs ...string) error
	// QueryRows executes a query on a table's rows, CodeNotFound when there
	// is no such table (any more): an empty result would be a wrong answer.
	QueryRows(ctx context.Context, q Query) (*QueryResult, error)

	CreateThread(ctx context.Context, t *Thread) error // sets Version to 1
	Thread(ctx context.Context, id string) (*Thread, error)
	// UpdateThread replaces Metadata and ToolResources if the stored version
	// is t.Version, and raises t.Version by one; else CodeConflict.
	// Appending messages and claiming runs do not change Version.
	UpdateThread(ctx context.Context, t *Thread) error
	// DeleteThread deletes the thread with its messages and runs.
	DeleteThread(ctx context.Context, id string) error

	// AppendMessages appends to one thread, in order, and sets ThreadID, Seq
	// and Version (1) on each message. A message whose ID is in the thread
	// already is not appended again: its Seq and Version are set to the
	// stored ones, so a retry is safe. It gives the thread's Seq after the
	// append. Seqs are contiguous: deleting does not free them.
	AppendMessages(ctx context.Context, threadID string, ms ...*Message) (int64, error)
	// AddMessage appends one message as AppendMessages does, unless a run holds
	// its thread at now: then CodeActiveRun. Runs append with AppendMessages.
	AddMessage(ctx context.Context, m *Message, now time.Time) (int64, error)
	Message(ctx context.Context, threadID, id string) (*Message, error)
	// Messages lists by Seq, see Page; runID filters when not empty.
	Messages(ctx context.Context, threadID, runID string, p Page) (Listing[Message], error)
	// UpdateMessage replaces Metadata if the stored version is m.Version, and
	// raises m.Version by one; else CodeConflict.
	UpdateMessage(ctx context.Context, m *Message) error
	DeleteMessage(ctx context.Context, threadID, id string) error
	// ThreadContext gives the last limit messages, oldest first.
	ThreadContext(ctx context.Context, threadID string, limit int) (*ThreadContext, error)

	// CreateRun claims the thread for the run until r.ExpiresAt and stores
	// the run, setting r.Version to 1. CodeActiveRun when another run holds
	// the thread at now. A non-terminal run of that id that exists already is
	// a CodeConflict. It gives the thread as claimed, so its Seq tells
	// whether a cached context is current.
	CreateRun(ctx context.Context, r *Run, now time.Time) (*Thread, error)
	Run(ctx context.Context, threadID, id string) (*Run, error)
	// Runs lists by creation, see Page.
	Runs(ctx context.Context, threadID string, p Page) (Listing[Run], error)
	// UpdateRun replaces the run if the stored version is r.Version, and
	// raises r.Version by one; else CodeConflict. A terminal status frees the
	// thread. The state of a terminal run cannot change any more:
	// an update of one with another status is CodeInvalid.
	UpdateRun(ctx context.Context, r *Run) error

	// TouchRun sets SeenAt of a run that a node is at work on, and gives its
	// status. It does not change the version: nobody's update fails for it. A
	// run that is terminal, or waits for its caller, is left as it is.
	TouchRun(ctx context.Context, threadID, id string, seen time.Time) (RunStatus, error)
	// UnfinishedRuns gives runs of all threads that are not terminal and whose
	// SeenAt lies before seenBefore, oldest first, at most limit.
	UnfinishedRuns(ctx context.Context, seenBefore time.Time, limit int) ([]Run, error)

	// SaveDay stores one node's share of a day, unless one of the same node and
	// day is there whose Seq is not lower: then nothing happens, and that is no
	// error. A day that is none and an empty node are CodeInvalid.
	SaveDay(ctx context.Context, share DayShare) error
	// Days gives the days from the one named on of which something is stored,
	// each with its shares added up, oldest first.
	Days(ctx context.Context, from string) ([]DayTotals, error)

	// Ping reports whether the store answers.
	Ping(ctx context.Context) error
	// Name is "sqlite" or "mongodb".
	Name() string
	// Close waits for what is under way and is idempotent.
	Close() error
}

// Mark says that an assistant or its data was changed, and that nobody has
// confirmed yet that the caches know. An assistant has one mark at most, that
// of its latest change: who confirms that one has told the caches more than
// the earlier ones would.
type Mark struct {
	AssistantID string
	Version     int64 // after the change; 0 when the assistant is deleted
	DataVersion int64 // likewise
}

// Page selects part of a listing, the way the OpenAI API does. With both
// After and Before it is what lies between, from After on. A Limit outside its
// range and a cursor that is not in the listing are CodeInvalid, with Param
// limit, after or before.
type Page struct {
	Limit  int    // 1 to 100
	Asc    bool   // oldest first; the default is newest first
	After  string // an id: what follows it in the listing's order
	Before string // an id: what precedes it; the items nearest to it, in the listing's order
}

// Listing is one page. HasMore says whether the listing goes on in the
// direction of the page.
type Listing[T any] struct {
	Data    []T
	HasMore bool
}

// EditAssistant reads an assistant, applies edit, and writes it, again from
// the start when somebody else wrote in between. An error of edit ends it.
func EditAssistant(ctx context.Context, s Store, id string, edit func(*Assistant) error) (*Assistant, error) {
	return edited(ctx, func() (*Assistant, error) { return s.Assistant(ctx, id) }, edit, s.UpdateAssistant)
}

// EditThread does for a thread what EditAssistant does for an assistant.
func EditThread(ctx context.Context, s Store, id string, edit func(*Thread) error) (*Thread, error) {
	return edited(ctx, func() (*Thread, error) { return s.Thread(ctx, id) }, edit, s.UpdateThread)
}

// EditMessage does for a message what EditAssistant does for an assistant.
func EditMessage(ctx context.Context, s Store, threadID, id string, edit func(*Message) error) (*Message, error) {
	return edited(ctx, func() (*Message, error) { return s.Message(ctx, threadID, id) }, edit, s.UpdateMessage)
}

// EditRun does for a run what EditAssistant does for an assistant.
func EditRun(ctx context.Context, s Store, threadID, id string, edit func(*Run) error) (*Run, error) {
	return edited(ctx, func() (*Run, error) { return s.Run(ctx, threadID, id) }, edit, s.UpdateRun)
}

func edited[T any](ctx context.Context, read func() (*T, error), edit func(*T) error, write func(context.Context, *T) error) (*T, error) {
	for {
		v, err := read()
		if err != nil {
			return nil, err
		}
		if err := edit(v); err != nil {
			return nil, err
		}
		err = write(ctx, v)
		if err == nil {
			return v, nil
		}
		if ErrorCode(err) != CodeConflict || ctx.Err() != nil {
			return nil, err
		}
	}
}
