package answer

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/dejahq/deja"
)

func TestFit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		roles := rapid.SampledFrom([]deja.Role{deja.RoleUser, deja.RoleAssistant})
		var req deja.ModelRequest
		system := rapid.Bool().Draw(t, "system")
		if system {
			req.Messages = append(req.Messages, deja.ChatMessage{Role: deja.RoleSystem, Content: deja.Text("Be brief.")})
		}
		for i := range rapid.IntRange(1, 12).Draw(t, "messages") {
			size := rapid.IntRange(0, 200).Draw(t, "size")
			req.Messages = append(req.Messages, deja.ChatMessage{Role: roles.Draw(t, "role"), Name: string(rune('a' + i)), Content: deja.Text(strings.Repeat("x", size))})
		}
		before := req.Messages
		budget := rapid.IntRange(1, 300).Draw(t, "budget")
		fits := fit(&req, budget)
		after := req.Messages

		total := 0
		for i := range after {
			total += tokensOf(&after[i])
		}
		if fits != (total <= budget) {
			t.Fatalf("fits is %t with %d of %d tokens", fits, total, budget)
		}
		if system && after[0].Role != deja.RoleSystem {
			t.Fatal("the instructions were dropped")
		}
		// What is left is the end of the conversation, with its last question.
		tail := after
		if system {
			tail = after[1:]
		}
		cut := len(before) - len(tail)
		for i := range tail {
			if tail[i].Name != before[cut+i].Name {
				t.Fatalf("message %s where %s should be", tail[i].Name, before[cut+i].Name)
			}
		}
		question := -1
		for i, m := range before {
			if m.Role == deja.RoleUser {
				question = i
			}
		}
		if question >= 0 && cut > question {
			t.Fatal("the newest question was dropped")
		}
		// No more was dropped than had to be.
		if dropped := cut - 1; fits && dropped >= 0 && before[dropped].Role != deja.RoleSystem && total+tokensOf(&before[dropped]) <= budget {
			t.Fatalf("message %s would have fitted", before[dropped].Name)
		}
	})
}
