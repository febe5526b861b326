package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/localmodel"
	"github.com/dejahq/deja/internal/modelsim"
	"github.com/dejahq/deja/internal/workload"
)

// benchPlace is where a workload is replayed: an arm with the caches off, and
// one with them on.
type benchPlace struct {
	says    string // in words
	own     bool   // nodes of this process: every cache is off in the off arm
	off, on benchArm
	ends    []func() error
}

// benchArm is one server in one state, ready to be asked.
type benchArm struct {
	name       string
	api        *client.Client
	assistants []string
	calls      func() int64 // of the model, as it counts them itself; nil when it can't be asked
}

// close ends what was begun, the last first.
func (p *benchPlace) close() error {
	var errs []error
	for i := len(p.ends) - 1; i >= 0; i-- {
		errs = append(errs, p.ends[i]())
	}
	p.ends = nil
	return errors.Join(errs...)
}

// open makes the place ready: servers, assistants, and their data.
func (b *benchCmd) open(ctx context.Context, w *workload.Workload, t terminal) (*benchPlace, error) {
	p := &benchPlace{}
	p.off.name, p.on.name = "cache off", "cache on"
	begin := b.beginNodes
	if b.Server != "" {
		begin = b.beginServer
	}
	err := begin(ctx, p, w, t)
	if err == nil {
		err = p.off.furnish(ctx, p, w.Assistants, b.Model, "off")
	}
	if err == nil {
		err = p.on.furnish(ctx, p, w.Assistants, b.Model, "assistant")
	}
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// beginNodes starts a node for each arm, and a simulated model for both.
func (b *benchCmd) beginNodes(ctx context.Context, p *benchPlace, w *workload.Workload, t terminal) error {
	sizes := make(map[string]workload.Size)
	for _, r := range w.Requests {
		sizes[r.Text()] = r.Size
	}
	dir, err := os.MkdirTemp("", "deja-bench-")
	if err != nil {
		return err
	}
	p.ends = append(p.ends, func() error { return os.RemoveAll(dir) })
	p.own = true
	p.says = fmt.Sprintf("two nodes of this process, a simulated model (%s to the first token, %g tokens per second)", b.Latency, b.TokenRate)
	for _, arm := range []*benchArm{&p.off, &p.on} {
		model, err := modelsim.Start(modelsim.Options{
			Latency: b.Latency, TokensPerSecond: b.TokenRate,
			Size: func(q string) (int, int) { return sizes[q].Prompt, sizes[q].Answer },
		})
		if err != nil {
			return err
		}
		p.ends = append(p.ends, model.Close)
		arm.calls = model.Calls
		c, err := defaults("--listen=127.0.0.1:0", "--data-dir="+filepath.Join(dir, strings.ReplaceAll(arm.name, " ", "-")),
			"--openai-base-url="+model.URL(), "--openai-api-key=none", "--cache="+strings.TrimPrefix(arm.name, "cache "),
			"--rate-limit=0", "--log-level=error", "--drain=5s")
		if err != nil {
			return err
		}
		c.Silent = true
		srv, err := startServer(ctx, c, t.stderr)
		if err != nil {
			return err
		}
		p.ends = append(p.ends, srv.stop)
		if arm.api, err = client.New(client.Options{BaseURL: srv.url, Retries: -1}); err != nil {
			return err
		}
	}
	b.Model = modelsim.Name
	return nil
}

// defaults gives settings as the flags say, and the defaults for the rest,
// whatever the environment says: a bench must not use somebody's database.
func defaults(flags ...string) (*config, error) {
	var c struct {
		config `embed:""`
	}
	parser, err := kong.New(&c, kong.PostBuild(func(k *kong.Kong) error {
		for _, f := range k.Model.Flags {
			f.Envs, f.Tag.Envs = nil, nil
		}
		return nil
	}))
	if err != nil {
		return nil, err
	}
	_, err = parser.Parse(flags)
	return &c.config, err
}

// beginServer checks that the server is meant to be asked.
func (b *benchCmd) beginServer(ctx context.Context, p *benchPlace, w *workload.Workload, t terminal) error {
	c := connection{Server: b.Server, APIKey: b.APIKey}
	api, err := c.connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	h, err := api.Health(ctx)
	if err != nil {
		return c.explain(err)
	}
	if !loopback(b.Server) || h.Model != localmodel.Name {
		question := fmt.Sprintf("Ask %s (model: %s) up to %d questions, which may cost money?", b.Server, h.Model, 2*len(w.Requests))
		if err := t.confirm(b.Yes, question); err != nil {
			return err
		}
	}
	p.says = fmt.Sprintf("the server at %s (model: %s)", b.Server, h.Model)
	p.off.api, p.on.api = api, api
	return nil
}

func loopback(server string) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	if strings.EqualFold(u.Hostname(), "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err == nil && addr.Unmap().IsLoopback()
}

// benchTable is the data of each assistant, so that each has a schema.
const benchTable = "item,price,stock\nlamp,12.50,4\nchair,40.00,2\ntable,95.00,1\n"

// furnish makes the arm's assistants, and lets them be deleted in the end.
func (a *benchArm) furnish(ctx context.Context, p *benchPlace, n int, model, policy string) error {
	p.ends = append(p.ends, func() error { return a.clear(context.WithoutCancel(ctx)) })
	for i := range n {
		made, err := a.api.CreateAssistant(ctx, client.AssistantParams{
			Model: &model, Name: new(fmt.Sprintf("deja bench %d, %s", i+1, a.name)), Instructions: new("Answer in one or two sentences."),
			Cache: &client.CachePolicy{Policy: policy},
		})
		if err != nil {
			return err
		}
		a.assistants = append(a.assistants, made.ID)
		if _, err := a.api.UploadSource(ctx, made.ID, "", "items.csv", strings.NewReader(benchTable)); err != nil {
			return err
		}
	}
	return nil
}

// clear deletes the arm's assistants.
func (a *benchArm) clear(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, clearTime)
	defer cancel()
	var errs []error
	for _, id := range a.assistants {
		if err := a.delete(ctx, id); err != nil {
			errs = append(errs, fmt.Errorf("the assistant %s was not deleted: %w", id, err))
		}
	}
	a.assistants = nil
	return errors.Join(errs...)
}

// clearTime is how long it may take to delete what was made.
const clearTime = 2 * time.Minute

// delete deletes an assistant, when a server that limits rates lets it.
func (a *benchArm) delete(ctx context.Context, id string) error {
	for {
		err := a.api.DeleteAssistant(ctx, id)
		refused, ok := errors.AsType[*client.Error](err)
		if !ok || refused.Status != http.StatusTooManyRequests {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(max(refused.RetryAfter, time.Second)):
		}
	}
}
