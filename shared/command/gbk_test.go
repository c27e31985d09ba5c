package command

import (
	"testing"
	"unicode"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// TestTheTableOfGBKIsWhatAnEncoderTakes, for each character.
func TestTheTableOfGBKIsWhatAnEncoderTakes(t *testing.T) {
	encoder := simplifiedchinese.GBK.NewEncoder()
	for r := rune(unicode.MaxASCII + 1); r <= unicode.MaxRune; r++ {
		if _, err := encoder.String(string(r)); unicode.Is(gbk, r) != (err == nil) {
			t.Fatalf("%q (%U) is in the table: %t; the encoder says %v", r, r, unicode.Is(gbk, r), err)
		}
	}
}
