package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dejahq/deja/client"
)

// cacheInspectCmd looks into one entry.
type cacheInspectCmd struct {
	Key    string `arg:"" help:"The entry's whole key, such as schema:asst_123; answers tell theirs in X-Deja-Cache-Key."`
	Reveal bool   `help:"Show the value too, which may be what a customer wrote."`
}

// Run asks the server.
func (i *cacheInspectCmd) Run(ctx context.Context, c *cacheCmd, t terminal) error {
	api, ctx, cancel, err := c.api(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	e, err := api.Entry(ctx, i.Key, i.Reveal)
	if err != nil {
		return c.explain(err)
	}
	if c.JSON {
		return printJSON(t.stdout, e)
	}
	return printEntry(t.stdout, e)
}

func printEntry(out io.Writer, e *client.Entry) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "key\t%s\n", e.Key)
	fmt.Fprintf(w, "layer\t%s\n", e.Layer)
	memory, redis := "no", "no"
	if e.Memory.Present {
		memory = size(e.Memory.Bytes)
		if !e.Memory.Current {
			memory += ", invalidated: it is served no more"
		} else if e.Memory.ExpiresAt != nil {
			memory += ", until " + e.Memory.ExpiresAt.Local().Format(time.DateTime)
		}
	}
	if e.Redis.Present {
		redis = fmt.Sprintf("%s, for another %s", size(e.Redis.Bytes), ago(float64(e.Redis.TTLMillis)))
	}
	fmt.Fprintf(w, "in memory\t%s\nin Redis\t%s\n", memory, redis)
	if e.Memory.Present || e.Redis.Present {
		fmt.Fprintf(w, "age\t%s\n", ago(e.AgeMillis))
		fmt.Fprintf(w, "versions\tsource %d, layer %d, format %d\n", e.Header.SourceVersion, e.Header.LayerVersion, e.Header.Format)
		kind := "a value"
		if e.Header.Negative {
			kind = "that there is no such thing"
		}
		fmt.Fprintf(w, "holds\t%s\n", kind)
		encoding := e.Header.Codec
		if e.Header.Compressed {
			encoding += ", compressed"
		}
		fmt.Fprintf(w, "encoding\t%s\n", encoding)
	}
	if e.Lease {
		fmt.Fprintf(w, "lease\tit is being loaded\n")
	}
	if e.Floor > 0 {
		fmt.Fprintf(w, "floor\t%d: older versions are refused\n", e.Floor)
	}
	if len(e.Groups) > 0 {
		fmt.Fprintf(w, "groups\t%s\n", strings.Join(e.Groups, ", "))
	}
	if err := w.Flush(); err != nil || len(e.Value) == 0 {
		return err
	}
	var value bytes.Buffer
	if json.Indent(&value, e.Value, "", "  ") != nil {
		value.Reset()
		value.Write(e.Value)
	}
	_, err := fmt.Fprintf(out, "\n%s\n", value.Bytes())
	return err
}

// ago gives milliseconds as people say them.
func ago(ms float64) string {
	d := time.Duration(ms * float64(time.Millisecond))
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(time.Millisecond).String()
}
