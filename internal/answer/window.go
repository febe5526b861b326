package answer

import (
	"encoding/json"

	"github.com/dejahq/deja"
)

// What a request's tokens are taken to be, without the model's tokenizer: a
// token for every four bytes, which is about right for English and on the safe
// side for most else, and a few for each message's frame.
const (
	bytesPerToken = 4
	messageTokens = 4
)

func tokensOf(m *deja.ChatMessage) int {
	n := len(m.Name)
	for _, p := range m.Content {
		n += len(p.Text) + len(p.ImageURL)
	}
	for _, c := range m.ToolCalls {
		n += len(c.Name) + len(c.Arguments)
	}
	return messageTokens + (n+bytesPerToken-1)/bytesPerToken
}

// fit drops the oldest messages until a request is within budget tokens. The
// instructions stay, and so do the newest question and all that came after
// it; fits is false when these alone are too long.
func fit(req *deja.ModelRequest, budget int) (fits bool) {
	if budget <= 0 {
		return true
	}
	used := 0
	for _, t := range req.Tools {
		if b, err := json.Marshal(t); err == nil {
			used += (len(b) + bytesPerToken - 1) / bytesPerToken
		}
	}
	first := 0
	if len(req.Messages) > 0 && req.Messages[0].Role == deja.RoleSystem {
		used += tokensOf(&req.Messages[0])
		first = 1
	}
	question := len(req.Messages) - 1
	for question > first && req.Messages[question].Role != deja.RoleUser {
		question--
	}
	keep := len(req.Messages)
	for keep > first {
		n := tokensOf(&req.Messages[keep-1])
		if keep-1 < question && used+n > budget {
			break
		}
		used += n
		keep--
	}
	if keep > first {
		req.Messages = append(req.Messages[:first:first], req.Messages[keep:]...)
	}
	return used <= budget
}

// errPromptTooLong ends a run whose caller's max_prompt_tokens are too few for
// its instructions and newest question.
var errPromptTooLong = deja.Errorf(deja.CodeTooLarge, "The instructions and the newest message are longer than max_prompt_tokens.")
