package deja_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/dejahq/deja"
)

func TestSecretShowsNowhere(t *testing.T) {
	t.Parallel()
	const plain = "sk-live-0123456789"
	type inner struct{ key deja.Secret }
	options := struct {
		Key   deja.Secret
		inner inner
		list  []inner
	}{deja.NewSecret(plain), inner{deja.NewSecret(plain)}, []inner{{deja.NewSecret(plain)}}}

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&out, verb+"\n", options)
		fmt.Fprintf(&out, verb+"\n", &options)
		fmt.Fprintf(&out, verb+"\n", options.Key)
	}
	fmt.Fprintf(&out, "%x\n", options.Key)
	text, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	slog.New(slog.NewTextHandler(&out, nil)).Info("start", "key", options.Key, "options", options)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("start", "key", options.Key, "options", options)

	if strings.Contains(out.String(), plain) || strings.Contains(out.String(), fmt.Sprintf("%x", plain)) {
		t.Errorf("the secret shows in:\n%s", out.String())
	}
	if got := options.Key.Reveal(); got != plain {
		t.Errorf("Reveal() = %q", got)
	}
	if got := (deja.Secret{}).String(); got != "" {
		t.Errorf("a secret that is not set shows as %q", got)
	}
	var set deja.Secret
	if err := json.Unmarshal([]byte(`"`+plain+`"`), &set); err != nil || set.Reveal() != plain {
		t.Errorf("decoded %q, %v", set.Reveal(), err)
	}
}
