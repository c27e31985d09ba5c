package alert

import (
	"strings"

	"aftercare/shared/transport"
)

// Mistake is what is wrong with one setting. It never holds the value.
type Mistake struct {
	// Setting is the name of the field of Channel.
	Setting string
	// Reason completes a sentence that begins with the setting's name.
	Reason string
}

func (m Mistake) Error() string { return m.Setting + " " + m.Reason }

func urlMistake(address transport.Secret) string {
	if !address.IsSet() {
		return ""
	}
	if _, err := transport.URL(address.Reveal()); err != nil {
		return err.Error()
	}
	return ""
}

func secretMistake(secret transport.Secret) string {
	if text := secret.Reveal(); strings.TrimSpace(text) != text {
		return "begins or ends with white space"
	}
	return ""
}
