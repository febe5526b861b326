package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/llm"
	"github.com/dejahq/deja/internal/localmodel"
	"github.com/dejahq/deja/internal/upstream"
)

// modelServer is a model server besides the default one. Where it is and its
// key come from the configuration only, never from a request.
type modelServer struct {
	name    string
	baseURL string
	key     deja.Secret
}

// modelServers reads --upstreams: NAME=URL pairs with commas between them, or
// the name of a JSON file {"NAME": {"base_url": "...", "api_key": "..."}}. A key
// in the environment, DEJA_UPSTREAM_NAME_KEY, goes before one in the file.
func modelServers(setting string, env func(string) string) ([]modelServer, error) {
	if setting = strings.TrimSpace(setting); setting == "" {
		return nil, nil
	}
	read := modelServerFile
	if strings.Contains(setting, "://") {
		read = modelServerList
	}
	servers, err := read(setting)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(servers, func(a, b modelServer) int { return strings.Compare(a.name, b.name) })
	for i, s := range servers {
		if key := env("DEJA_UPSTREAM_" + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_")) + "_KEY"); key != "" {
			servers[i].key = deja.NewSecret(key)
		}
	}
	return servers, nil
}

func modelServerList(setting string) ([]modelServer, error) {
	var servers []modelServer
	for pair := range strings.SplitSeq(setting, ",") {
		name, address, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			return nil, errors.New("--upstreams: it must be a list of NAME=URL, or the name of a JSON file")
		}
		servers = append(servers, modelServer{name: name, baseURL: address})
	}
	return servers, nil
}

// modelServerFile never repeats what is in the file, which may have keys.
func modelServerFile(name string) ([]modelServer, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("--upstreams: %w", err)
	}
	var file map[string]struct {
		BaseURL string      `json:"base_url"`
		APIKey  deja.Secret `json:"api_key"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if d.Decode(&file) != nil || d.More() {
		return nil, fmt.Errorf(`--upstreams: %s: it must be JSON of the form {"NAME": {"base_url": "...", "api_key": "..."}}`, name)
	}
	var servers []modelServer
	for name, s := range file {
		servers = append(servers, modelServer{name, s.BaseURL, s.APIKey})
	}
	return servers, nil
}

// openModels makes the model servers that the configuration names. The default
// one is the built-in model when no other is configured for it.
func (n *node) openModels(c *config, log *slog.Logger) (*upstream.Set, error) {
	client := func(baseURL string, key deja.Secret) (*llm.Client, error) {
		return llm.New(llm.Options{
			BaseURL: baseURL, APIKey: key, Timeout: time.Duration(c.ModelTimeout),
			FirstTokenTimeout: time.Duration(c.FirstTokenTimeout), Wrap: n.wrap, Logger: log,
		})
	}
	o := upstream.Options{OnChange: n.modelBreaker, Logger: log}
	var err error
	if c.localModel() {
		o.Default, err = localmodel.New(localmodel.Options{})
	} else {
		o.Default, err = client(c.OpenAIBaseURL, c.OpenAIKey)
	}
	if err != nil {
		return nil, err
	}
	servers, err := modelServers(c.Upstreams, os.Getenv)
	if err != nil {
		return nil, err
	}
	for _, s := range servers {
		if s.baseURL == "" {
			return nil, fmt.Errorf("--upstreams: %s: it needs an address", s.name)
		}
		m, err := client(s.baseURL, s.key)
		if err != nil {
			return nil, fmt.Errorf("--upstreams: %s: %w", s.name, err)
		}
		o.Others = append(o.Others, upstream.Server{Name: s.name, Model: m})
	}
	return upstream.New(o)
}
