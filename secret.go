package deja

import "log/slog"

// Secret is a password or an API key. However it is printed, encoded or
// logged, by itself or deep inside another value, its text does not show;
// Reveal gives it to the one place that needs it. The zero value is "not set".
type Secret struct {
	// A pointer, because fmt calls no methods of unexported fields: it would
	// print a string that lies there.
	text *string
}

const redacted = "[secret]"

// NewSecret keeps text; an empty text gives the zero value.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal gives the text itself, "" when it is not set.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether the secret is not set.
func (s Secret) IsZero() bool { return s.text == nil }

// String gives a placeholder, or "" when the secret is not set.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return redacted
}

// GoString hides the text from %#v.
func (s Secret) GoString() string { return "deja.Secret(" + s.String() + ")" }

// MarshalText hides the text from encoding/json and other encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets the secret, so that flags and configuration files can.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// LogValue hides the text from log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
