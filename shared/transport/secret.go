package transport

import (
	"fmt"
	"log/slog"
)

// redacted is what every Secret prints.
const redacted = "[secret]"

// Secret is a text that cannot be printed, logged or marshalled by accident;
// Reveal is the only way to it. The zero Secret is not set. It is safe for
// concurrent use.
//
// The text is behind a pointer because fmt calls no methods on unexported
// fields: for a struct with a Secret there, it prints an address.
type Secret struct{ text *string }

// NewSecret returns a Secret with this text; an empty text is not set.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the text, and "" if it is not set.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsSet reports whether there is a text.
func (s Secret) IsSet() bool { return s.text != nil }

// String returns "[secret]".
func (Secret) String() string { return redacted }

// GoString returns "[secret]".
func (Secret) GoString() string { return redacted }

// Format writes "[secret]" for every verb and flag.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalJSON returns "[secret]" as a JSON string.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns "[secret]".
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[secret]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Credentials sign requests: an access key, and a security token if the key is
// temporary. They print no secrets. The zero Credentials are not set.
type Credentials struct{ id, secret, token Secret }

// NewCredentials returns the credentials of an access key; the token of a
// long-lived one is empty.
func NewCredentials(id, secret, token string) Credentials {
	return Credentials{NewSecret(id), NewSecret(secret), NewSecret(token)}
}

// IsSet reports whether there is an access key.
func (c Credentials) IsSet() bool { return c.id.IsSet() && c.secret.IsSet() }

// Reveal returns the access key's id and secret, and the token.
func (c Credentials) Reveal() (id, secret, token string) {
	return c.id.Reveal(), c.secret.Reveal(), c.token.Reveal()
}
