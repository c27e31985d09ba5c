package transport_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"aftercare/shared/transport"
)

func TestASecretNeverPrints(t *testing.T) {
	const text = "SEC-do-not-show"
	s := transport.NewSecret(text)
	type hidden struct{ inner transport.Secret }
	type shown struct {
		Inner transport.Secret
		Deep  hidden
		List  []transport.Secret
	}
	values := map[string]any{
		"itself":                           s,
		"behind a pointer":                 &s,
		"in exported fields":               shown{Inner: s, Deep: hidden{s}, List: []transport.Secret{s}},
		"in unexported ones":               hidden{s},
		"a pointer to those":               &hidden{s},
		"a map":                            map[string]any{"a": s, "b": hidden{s}},
		"credentials":                      transport.NewCredentials(text, text, text),
		"credentials in unexported fields": struct{ keys transport.Credentials }{transport.NewCredentials(text, text, text)},
		"an error around one":              fmt.Errorf("setting %v", s),
	}
	for name, v := range values {
		t.Run(name, func(t *testing.T) {
			var printed bytes.Buffer
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%t", "%10.3s"} {
				fmt.Fprintf(&printed, verb+"\n", v)
			}
			raw, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			printed.Write(raw)
			slog.New(slog.NewTextHandler(&printed, nil)).Info("log", "value", v)
			slog.New(slog.NewJSONHandler(&printed, nil)).Info("log", "value", v)
			logger := zerolog.New(&printed)
			logger.Info().Any("value", v).Msg("log")
			for _, form := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text)} {
				if strings.Contains(printed.String(), form) {
					t.Errorf("printed %s", printed.String())
				}
			}
		})
	}
	if got := fmt.Sprintf("%s|%v|%#v|%q|%5d|%s|%s|%s", s, s, s, s, s, s.String(), s.GoString(), s.LogValue()); strings.Trim(strings.ReplaceAll(got, "[secret]", ""), "|") != "" {
		t.Errorf("got %s", got)
	}
	asJSON, _ := json.Marshal(s)
	asText, _ := s.MarshalText()
	if string(asJSON) != `"[secret]"` || string(asText) != "[secret]" {
		t.Errorf("got %s and %s", asJSON, asText)
	}
}

func TestASecretIsSetOnlyWithAText(t *testing.T) {
	for text, s := range map[string]transport.Secret{"": transport.NewSecret(""), "x": transport.NewSecret("x")} {
		if s.IsSet() != (text != "") || s.Reveal() != text {
			t.Errorf("%q: got %t and %q", text, s.IsSet(), s.Reveal())
		}
	}
}

func TestCredentialsAreSetWithAnIDAndASecret(t *testing.T) {
	for _, c := range []struct {
		id, secret, token string
		want              bool
	}{
		{"id", "secret", "token", true}, {"id", "secret", "", true},
		{"", "secret", "token", false}, {"id", "", "token", false}, {"", "", "", false},
	} {
		keys := transport.NewCredentials(c.id, c.secret, c.token)
		id, secret, token := keys.Reveal()
		if keys.IsSet() != c.want || id != c.id || secret != c.secret || token != c.token {
			t.Errorf("of %+v: %t, and %s, %s, %s", c, keys.IsSet(), id, secret, token)
		}
	}
}
