package alertfile

import (
	"fmt"
	"regexp"
	"strings"

	"aftercare/shared/mask"
	"aftercare/shared/transport"
)

// reference says where a secret is. The zero value refers to nothing.
type reference struct{ env, file string }

var (
	references = regexp.MustCompile(`^\$\{(?:env:([A-Za-z_][A-Za-z0-9_]*)|file:([^}]+))\}$`)
	// almost are other ways to write a variable.
	almost = regexp.MustCompile(`^\$[({]*\s*(?:env[.:])?([A-Za-z_][A-Za-z0-9_]*)\s*[)}]*$`)
)

func parseReference(text string) (reference, bool) {
	m := references.FindStringSubmatch(text)
	if m == nil {
		return reference{}, false
	}
	return reference{m[1], m[2]}, true
}

// wrongSecret returns what to write instead of a text that is no reference. It
// does not repeat the text. [4]
func wrongSecret(key, channel, text string) string {
	if _, ok := parseReference(text); ok {
		return ""
	}
	if m := almost.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("%s is a reference, but not in this form: did you mean ${env:%s}?", key, m[1])
	}
	name := strings.ToUpper(strings.ReplaceAll(channel, "-", "_")) + "_" + strings.ToUpper(key)
	if name[0] >= '0' && name[0] <= '9' {
		name = "CHANNEL_" + name
	}
	what := "a secret must not be in this file"
	if key == "url" {
		what = "a secret must not be in this file, and whoever knows this url can post with it"
	}
	return fmt.Sprintf("%s: write ${env:%s} and set that variable, or write ${file:PATH}", what, name)
}

// wrongAddress is wrongSecret for an address that need not be a secret.
func wrongAddress(channel, text string) string {
	if _, ok := parseReference(text); ok || strings.HasPrefix(text, "$") {
		return wrongSecret("url", channel, text)
	}
	if mask.Text(text) != text {
		return wrongSecret("url", channel, text)
	}
	if _, err := transport.URL(text); err != nil {
		return "url " + err.Error()
	}
	return ""
}

// read returns the secret. Its errors name where it should be, and never what is
// there.
func (r reference) read(getenv func(string) string, readFile func(string) ([]byte, error)) (transport.Secret, error) {
	if r.env != "" {
		value := getenv(r.env)
		if value == "" {
			return transport.Secret{}, fmt.Errorf("the environment variable %s is not set", r.env)
		}
		return transport.NewSecret(value), nil
	}
	text, err := readFile(r.file)
	if err != nil {
		return transport.Secret{}, fmt.Errorf("read a secret: %w", err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if value == "" {
		return transport.Secret{}, fmt.Errorf("the file %s is empty", r.file)
	}
	return transport.NewSecret(value), nil
}
