package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/dejahq/deja/client"
)

// assistantFields are the flags for what an assistant is. Those that were not
// given are nil, and sent neither.
type assistantFields struct {
	Name             *string           `help:"Its name."`
	Description      *string           `help:"What it is for."`
	Instructions     *string           `help:"What the model is told." xor:"instructions"`
	InstructionsFile string            `help:"A file with what the model is told." type:"existingfile" placeholder:"FILE" xor:"instructions"`
	Temperature      *float64          `help:"Sampling temperature, 0 to 2." placeholder:"T"`
	TopP             *float64          `name:"top-p" help:"Nucleus sampling, 0 to 1." placeholder:"P"`
	Metadata         map[string]string `help:"Metadata, replacing all that was there." placeholder:"NAME=VALUE"`
	Cache            string            `help:"Whom a cached answer serves: nobody (off), its own thread or client (thread, the default of new assistants), or everybody who asks the same (assistant)." placeholder:"POLICY" enum:"off,thread,assistant," default:""`
	CacheTTL         seconds           `name:"cache-ttl" help:"How long its answers live; in whole seconds or as 30m." placeholder:"SECONDS"`
	Normalize        *bool             `negatable:"" help:"Let questions that differ only in case, white space and final punctuation share an answer."`
}

func (f *assistantFields) params() (client.AssistantParams, error) {
	p := client.AssistantParams{
		Name: f.Name, Description: f.Description, Instructions: f.Instructions,
		Temperature: f.Temperature, TopP: f.TopP, Metadata: f.Metadata,
	}
	if f.InstructionsFile != "" {
		b, err := os.ReadFile(f.InstructionsFile)
		if err != nil {
			return p, fmt.Errorf("--instructions-file: %w", err)
		}
		p.Instructions = new(string(b))
	}
	policy := client.CachePolicy{Policy: f.Cache, Normalize: f.Normalize}
	if f.CacheTTL > 0 {
		policy.TTL = new(float64(int64(f.CacheTTL) / 1e9))
	}
	if policy != (client.CachePolicy{}) {
		p.Cache = &policy
	}
	return p, nil
}

func (f *assistantFields) empty() bool {
	p, err := f.params()
	return err == nil && p.Name == nil && p.Description == nil && p.Instructions == nil && p.Temperature == nil &&
		p.TopP == nil && p.Metadata == nil && p.Cache == nil
}

// assistantsCreateCmd makes an assistant.
type assistantsCreateCmd struct {
	Model           string `required:"" help:"The model that answers for it."`
	assistantFields `embed:""`
}

// Run makes it.
func (a *assistantsCreateCmd) Run(ctx context.Context, c *assistantsCmd, t terminal) error {
	p, err := a.params()
	if err != nil {
		return err
	}
	p.Model = &a.Model
	api, ctx, cancel, err := c.api(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	made, err := api.CreateAssistant(ctx, p)
	if err != nil {
		return c.explain(err)
	}
	if c.JSON {
		return printJSON(t.stdout, made)
	}
	_, err = fmt.Fprintln(t.stdout, made.ID)
	return err
}

// assistantsEditCmd changes an assistant.
type assistantsEditCmd struct {
	Assistant       string  `arg:"" help:"Its id, or its name if no other has it."`
	Model           *string `help:"The model that answers for it."`
	assistantFields `embed:""`
}

// Validate wants something to change.
func (a *assistantsEditCmd) Validate() error {
	if a.Model == nil && a.empty() {
		return errors.New("say what to change: --name, --instructions, --model, --cache and so on")
	}
	return nil
}

// Run changes it and shows what it is now.
func (a *assistantsEditCmd) Run(ctx context.Context, c *assistantsCmd, t terminal) error {
	p, err := a.params()
	if err != nil {
		return err
	}
	p.Model = a.Model
	api, ctx, cancel, err := c.api(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	id, err := findAssistant(ctx, api, a.Assistant)
	if err != nil {
		return c.explain(err)
	}
	changed, err := api.ModifyAssistant(ctx, id, p)
	if err != nil {
		return c.explain(err)
	}
	return c.printAssistant(t.stdout, changed)
}
