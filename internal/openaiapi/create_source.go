package openaiapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"path"
	"strings"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/schema"
)

// createSource takes a file, finds its tables, imports their rows, and then
// attaches them to the assistant in one step. Until that step nobody can see
// anything of it, and whatever goes wrong takes the rows away again.
func (a *API) createSource(w *response, r *http.Request) error {
	ctx := r.Context()
	id, err := assistantID(r)
	if err != nil {
		return err
	}
	// Before the body, which may be large.
	if _, err := a.layers.Assistant(ctx, id); err != nil {
		return err
	}
	u, err := a.receive(r)
	if err != nil {
		return err
	}
	defer u.close()
	name, err := u.sourceName()
	if err != nil {
		return err
	}
	file, err := schema.Open(ctx, u.file, u.size, schema.Options{
		Filename: u.filename, Name: name, MaxBytes: a.o.MaxUploadBytes, MaxRows: a.o.MaxRows,
	})
	if e, ok := errors.AsType[*deja.Error](err); ok && e.Param == "" {
		return &deja.Error{Code: e.Code, Message: e.Message, Param: "file", Err: err}
	}
	if err != nil {
		return err
	}
	s := &deja.DataSource{
		ID: deja.NewID(deja.SourcePrefix), AssistantID: id, Name: name,
		Filename: u.filename, Format: file.Format(), Bytes: u.size, CreatedAt: a.o.Now(),
	}
	if err := a.attach(ctx, s, file); err != nil {
		return err
	}
	return w.write(http.StatusOK, showSource(s))
}

// sourceName is what the form says, or else the file's name without its ending.
func (u *upload) sourceName() (string, error) {
	if u.name != "" {
		return u.name, nil
	}
	name, err := sourceName("file", strings.TrimSuffix(u.filename, path.Ext(u.filename)))
	return cmp.Or(name, "data"), err
}

func (a *API) attach(ctx context.Context, s *deja.DataSource, file *schema.File) (err error) {
	store := a.layers.Store()
	var imported []string
	defer func() {
		if err == nil {
			return
		}
		// The client's leaving must not leave rows behind.
		if e := store.DropRows(context.WithoutCancel(ctx), imported...); e != nil {
			a.log.WarnContext(ctx, "rows of a refused file were left behind", "tables", imported, "error", e)
		}
	}()
	for i, t := range file.Tables() {
		t.SourceID = s.ID
		imported = append(imported, t.ID)
		if t.RowCount, err = store.ImportRows(ctx, t, file.Rows(i)); err != nil {
			return err
		}
		s.Tables = append(s.Tables, t)
	}
	_, err = a.layers.AttachSource(ctx, s)
	if deja.ErrorCode(err) == deja.CodeConflict {
		return reasoned(deja.CodeConflict, "name_taken", "The assistant already has a data source named '%.80s'; delete that one first, or send another 'name'.", s.Name).WithParam("name")
	}
	return err
}
