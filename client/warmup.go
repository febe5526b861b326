package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// warmUpAtOnce is how many ids the server takes in one request.
const warmUpAtOnce = 1000

// Warmed is the outcome of warming one assistant.
type Warmed struct {
	AssistantID string `json:"assistantId"`
	OK          bool   `json:"ok"`
	Queries     int64  `json:"queries"` // store queries that it took; 0 when everything was cached
	Error       string `json:"error"`   // why not, if not OK
}

// WarmUpSummary counts the outcomes of a warm-up.
type WarmUpSummary struct {
	Warmed int `json:"warmed"`
	Failed int `json:"failed"`
}

// WarmUp makes the server load the data and schemas of assistants into its
// cache. It calls progress, if that is not nil, for each assistant as it is
// done, in no particular order, from the calling goroutine. An assistant that
// could not be warmed is counted and reported, and is no error. More than
// 1,000 ids are sent in several requests.
func (c *Client) WarmUp(ctx context.Context, assistantIDs []string, progress func(Warmed)) (WarmUpSummary, error) {
	var total WarmUpSummary
	if len(assistantIDs) == 0 {
		return total, errors.New("client: no assistants to warm up were named")
	}
	for ids := range slices.Chunk(assistantIDs, warmUpAtOnce) {
		s, err := c.warmUp(ctx, ids, progress)
		total.Warmed += s.Warmed
		total.Failed += s.Failed
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func (c *Client) warmUp(ctx context.Context, ids []string, progress func(Warmed)) (WarmUpSummary, error) {
	resp, err := c.send(ctx, request{
		method: http.MethodPost, path: metricsPath,
		header: http.Header{"Accept": {"application/x-ndjson"}},
		body:   metricsAction{Action: "warmup", AssistantIDs: ids},
	})
	if err != nil {
		return WarmUpSummary{}, err
	}
	defer resp.Body.Close()
	return readWarmUp(resp.Body, progress)
}

// readWarmUp reads a line of JSON for each assistant, and the summary, which
// alone has a status, as the last.
func readWarmUp(body io.Reader, progress func(Warmed)) (WarmUpSummary, error) {
	var seen WarmUpSummary
	dec := json.NewDecoder(body)
	for {
		var line struct {
			Warmed
			Status  string `json:"status"`
			Message string `json:"message"`
		}
		err := dec.Decode(&line)
		switch {
		case errors.Is(err, io.EOF):
			return seen, io.ErrUnexpectedEOF
		case err != nil:
			return seen, fmt.Errorf("client: the progress of the warm-up cannot be read: %w", err)
		case line.Status == "error":
			return seen, &Error{Status: http.StatusOK, Message: line.Message}
		case line.Status != "":
			return seen, nil
		}
		if line.OK {
			seen.Warmed++
		} else {
			seen.Failed++
		}
		if progress != nil {
			progress(line.Warmed)
		}
	}
}
