package client

import (
	"context"
	"io"
	"iter"
	"mime/multipart"
	"net/http"
)

// Source is a file of data that an assistant can look into.
type Source struct {
	ID          string  `json:"id"`
	Object      string  `json:"object"`
	AssistantID string  `json:"assistant_id"`
	Name        string  `json:"name"`
	Filename    string  `json:"filename"`
	Format      string  `json:"format"` // such as "csv" or "xlsx"
	Bytes       int64   `json:"bytes"`
	CreatedAt   int64   `json:"created_at"` // Unix seconds
	Tables      []Table `json:"tables"`
}

// Schema is what an assistant's model is told about all of its data.
type Schema struct {
	Object      string  `json:"object"`
	AssistantID string  `json:"assistant_id"`
	Version     int64   `json:"version"` // rises with every change of the data
	Tables      []Table `json:"tables"`
}

// Table describes one table of a source.
type Table struct {
	Name     string   `json:"name"`
	SourceID string   `json:"source_id"`
	RowCount int64    `json:"row_count"`
	Columns  []Column `json:"columns"`
}

// Column describes one column of a table.
type Column struct {
	Name     string `json:"name"`
	Type     string `json:"type"` // string, integer, number, boolean, date, datetime, time or year
	Nullable bool   `json:"nullable"`
	Nulls    int64  `json:"nulls"`
	Distinct int    `json:"distinct"` // 0 when there are too many to count
	Min      any    `json:"min"`      // nil when the type has no order
	Max      any    `json:"max"`
	Examples []any  `json:"examples"`
}

// UploadSource gives an assistant the data in a file, which is read to its end
// and sent as it is read. The filename's extension tells the format. An empty
// name means the filename without its extension. When the server refuses the
// file before it has all of it, or ctx ends, a Read of the file that is under
// way then may end after the return; there is none after that.
func (c *Client) UploadSource(ctx context.Context, assistantID, name, filename string, file io.Reader) (*Source, error) {
	p, err := path("/v1/assistants/%s/data_sources", assistantID)
	if err != nil {
		return nil, err
	}
	body, writer := io.Pipe()
	form := multipart.NewWriter(writer)
	req, err := c.newRequest(ctx, request{method: http.MethodPost, path: p}, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	go func() { writer.CloseWithError(writeForm(form, name, filename, file)) }()
	defer body.Close() // ends the writing
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, readError(resp)
	}
	defer resp.Body.Close()
	s := new(Source)
	if err := decode(resp, s); err != nil {
		return nil, err
	}
	return s, nil
}

// writeForm writes the name before the file, so that a server that takes the
// file as it comes knows it by then.
func writeForm(form *multipart.Writer, name, filename string, file io.Reader) error {
	if name != "" {
		if err := form.WriteField("name", name); err != nil {
			return err
		}
	}
	part, err := form.CreateFormFile("file", filename)
	if err != nil {
		return err
	}
	if _, err := io.Copy(part, file); err != nil {
		return err
	}
	return form.Close()
}

// Sources gives the data sources of an assistant, the newest first.
func (c *Client) Sources(ctx context.Context, assistantID string) iter.Seq2[Source, error] {
	p, err := path("/v1/assistants/%s/data_sources", assistantID)
	if err != nil {
		return failed[Source](err)
	}
	return pages(ctx, c, p, nil, func(s Source) string { return s.ID })
}

// Source gives one data source.
func (c *Client) Source(ctx context.Context, assistantID, sourceID string) (*Source, error) {
	return at[Source](ctx, c, http.MethodGet, nil, "/v1/assistants/%s/data_sources/%s", assistantID, sourceID)
}

// DeleteSource takes a data source away from its assistant, with its rows.
func (c *Client) DeleteSource(ctx context.Context, assistantID, sourceID string) error {
	_, err := at[struct{}](ctx, c, http.MethodDelete, nil, "/v1/assistants/%s/data_sources/%s", assistantID, sourceID)
	return err
}

// Schema gives the assembled schema of an assistant's data. Info says which
// layer of the cache had it.
func (c *Client) Schema(ctx context.Context, assistantID string) (*Schema, Info, error) {
	p, err := path("/v1/assistants/%s/schema", assistantID)
	if err != nil {
		return nil, Info{}, err
	}
	s := new(Schema)
	header, err := c.call(ctx, request{method: http.MethodGet, path: p}, s)
	if err != nil {
		return nil, Info{}, err
	}
	return s, readInfo(header), nil
}
