package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dejahq/deja/client"
)

// TestCacheScripts runs deja cache against servers in this process, other ones
// for each script of testdata/cache.
func TestCacheScripts(t *testing.T) {
	for name, more := range map[string]map[string][]string{
		"health": {
			"GUARDED": {"--api-keys=sk-of-the-test"},
			"LONELY":  {"--redis-url=redis://127.0.0.1:1"},
		},
		"warm":       {"EMPTY": nil},
		"invalidate": nil,
		"stats":      nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, api := startNode(t)
			vars := map[string]string{"DEJA_SERVER": s.url, "ASSISTANT": shop(t, api)}
			if _, err := api.CreateAssistant(t.Context(), client.AssistantParams{Model: new("test-model")}); err != nil {
				t.Fatal(err)
			}
			for variable, flags := range more {
				other, _ := startNode(t, flags...)
				vars[variable] = other.url
			}
			testscript.Run(t, testscript.Params{
				Files: []string{"testdata/cache/" + name + ".txtar"},
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
