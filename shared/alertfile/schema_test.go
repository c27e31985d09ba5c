package alertfile_test

import (
	"regexp"
	"testing"

	"aftercare/shared/alertfile"
	"aftercare/tests/schema"
)

func TestTheSchemaAndTheReaderAgreeOnEveryKey(t *testing.T) {
	// ofShape are the mistakes that the schema must find, too.
	ofShape := regexp.MustCompile(`^a (channel|route|match|mute time|window) has no key|needs the key (kind|name|timeZone|during|from|to|channels|defaults|version)\b|` +
		`is (a mapping|a list|text|true or false|a number|a duration)\b.*, but here|has no value|must be from [0-9]+ to|is a number with a unit|must consist of|lists`)
	notOfShape := regexp.MustCompile(`lists (all, mobile|names, which)|a channel of kind`)
	schema.Agree(t, alertfile.Schema(), everyKey(t), 800, ofShape, notOfShape, func(src []byte) error {
		_, err := alertfile.Read("f", src)
		return err
	})
}

func TestOneFileHasEveryKeyOfTheSchema(t *testing.T) {
	schema.HasEveryKey(t, alertfile.Schema(), everyKey(t))
}
