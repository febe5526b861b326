package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dejahq/deja/client"
	"github.com/dejahq/deja/internal/redistest"
)

// TestCommandScripts runs commands against servers in this process, other ones
// for each script of testdata/commands.
func TestCommandScripts(t *testing.T) {
	for name, more := range map[string]map[string][]string{
		"ask":        nil,
		"assistants": {"EMPTY": nil, "GUARDED": {"--api-keys=sk-of-the-test"}},
		"bench":      nil,
		"data":       nil,
		"inspect":    nil,
		"top":        nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, api := startNode(t)
			vars := map[string]string{"DEJA_SERVER": s.url, "ASSISTANT": shop(t, api)}
			for range 2 {
				if _, err := api.CreateAssistant(t.Context(), client.AssistantParams{Model: new("test-model"), Name: new("Twin")}); err != nil {
					t.Fatal(err)
				}
			}
			switch name {
			case "bench":
				_, flags := scriptedModel(t)
				paid, _ := startNode(t, flags...)
				vars["PAID"] = paid.url
			case "inspect":
				shared, _ := startNode(t, "--redis-url="+redistest.Start(t).URL())
				vars["REDIS"] = shared.url
			}
			for variable, flags := range more {
				other, _ := startNode(t, flags...)
				vars[variable] = other.url
			}
			testscript.Run(t, testscript.Params{
				Files: []string{"testdata/commands/" + name + ".txtar"},
				Setup: func(env *testscript.Env) error {
					for variable, value := range vars {
						env.Setenv(variable, value)
					}
					return nil
				},
			})
		})
	}
}
