package answer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/dejahq/deja"
	"github.com/dejahq/deja/internal/layers"
	"github.com/dejahq/deja/internal/schema"
)

// prepared is a question with everything that its answer depends on.
type prepared struct {
	assistant *deja.Assistant
	schema    *deja.Schema // nil when the assistant has no data
	request   *deja.ModelRequest
	key       layers.AnswerKey
	cached    bool // the assistant lets this answer be cached
	control   Control
}

// prepare completes a request with the assistant's instructions, settings and
// schema, and names the answer. Scope is whose answer it is when the assistant
// does not share answers; budget is how many tokens the request may have, 0
// for any number.
func (a *Answerer) prepare(ctx context.Context, asst *deja.Assistant, scope string, req deja.ModelRequest, more string, budget int, control Control) (*prepared, error) {
	p := &prepared{assistant: asst, request: &req, control: control}
	if len(asst.Sources) > 0 {
		s, err := a.layers.Schema(ctx, asst.ID)
		if err != nil {
			return nil, err
		}
		p.schema = s
	}
	complete(&req, asst, p.schema, more)
	req.Fallbacks = asst.Fallbacks
	if asst.Sharing == deja.ShareAssistant {
		scope = asst.ID
	}
	if !fit(&req, budget) {
		return nil, errPromptTooLong
	}
	p.cached = !a.layers.Off() && cacheable(asst, &req)
	asked := &req
	if asst.Caching.Normalize {
		asked = normalized(&req)
	}
	hash, err := contentHash(asst, p.schema, asked)
	if err != nil {
		return nil, err
	}
	p.key = layers.AnswerKey{AssistantID: asst.ID, Scope: scope, Hash: hash}
	return p, nil
}

// complete sets what the caller left open from the assistant, and puts the
// system message first.
func complete(req *deja.ModelRequest, asst *deja.Assistant, s *deja.Schema, more string) {
	if req.Model == "" || req.Model == asst.ID {
		req.Model = asst.Model
	}
	if req.Temperature == nil {
		req.Temperature = asst.Temperature
	}
	if req.TopP == nil {
		req.TopP = asst.TopP
	}
	if req.ResponseFormat == nil {
		req.ResponseFormat = asst.ResponseFormat
	}
	if req.ReasoningEffort == "" {
		req.ReasoningEffort = asst.ReasoningEffort
	}
	system := more
	if s != nil && len(s.Tables) > 0 {
		system = joinParagraphs(system, schema.Describe(*s))
		req.Tools = append(req.Tools[:len(req.Tools):len(req.Tools)], schema.QueryTool(*s))
	}
	if system != "" {
		first := deja.ChatMessage{Role: deja.RoleSystem, Content: deja.Text(system)}
		req.Messages = append([]deja.ChatMessage{first}, req.Messages...)
	}
}

func joinParagraphs(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "\n\n" + b
}

// functionTools gives those of an assistant's tools that a model server understands.
func functionTools(tools []deja.Tool) []deja.Tool {
	var fs []deja.Tool
	for _, t := range tools {
		if t.Type == "function" && t.Function != nil {
			fs = append(fs, t)
		}
	}
	return fs
}

// hashVersion changes when the meaning of the hash does.
const hashVersion = 1

// contentHash covers everything that an answer depends on. JSON of structs is
// canonical here: fields in their order, map keys sorted, every string quoted,
// so two different contents never encode alike. 160 bits of SHA-256 are kept.
func contentHash(asst *deja.Assistant, s *deja.Schema, req *deja.ModelRequest) (string, error) {
	content := struct {
		Hash             int
		AssistantID      string
		AssistantVersion int64
		SchemaVersion    int64
		Request          *deja.ModelRequest
	}{Hash: hashVersion, AssistantID: asst.ID, AssistantVersion: asst.Version, Request: req}
	if s != nil {
		content.SchemaVersion = s.Version
	}
	b, err := json.Marshal(content)
	if err != nil {
		return "", deja.Wrap(deja.CodeInvalid, err, "The request cannot be encoded.")
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:20]), nil
}

// clientScope stands for the stateless conversations of one client with one
// assistant: there is no thread, and without the assistant's leave nobody else
// may be given the answer.
func clientScope(assistantID, client string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q", assistantID, client))
	return "chat_" + hex.EncodeToString(sum[:16])
}
