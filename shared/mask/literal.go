package mask

import (
	"regexp"
	"strings"
)

var (
	// computed is what a script takes from elsewhere, with the word before a credential.
	computed = regexp.MustCompile("(?i)(?:(?:bearer|basic|token)\\s+)?(?:\\$\\{\\{.*?\\}\\}|\\$\\([^()]*\\)|\\$\\{[^{}]*\\}|\\$(?:env:)?[\\w@*#?!]+|`[^`]*`)")
	// notSecret is a name or value of no secret: that of where it is, for example.
	notSecret = regexp.MustCompile(`(?i)(?:name|id|file|path|url|uri|arn|version|length|policy|type|count|stdin)s?["']?[\s:=]*["']?$`)
	plain     = regexp.MustCompile(`(?i)^(?:[<>|&;()]|(?:true|false|yes|no|none|null|changeme|\d{1,4})\b)`)
)

// Literal returns the first byte of the first line that has a secret which stands
// there as it is, in a script or in the value that has a name. In prose, a word
// after "password:" is a secret only if it has a digit.
func Literal(name, text string, prose bool) (line int, found bool) {
	for part := range strings.Lines(text) {
		if literal(name, part, prose) {
			return line, true
		}
		line += len(part)
	}
	return 0, false
}

func literal(name, line string, prose bool) bool {
	if name != "" {
		line = name + "=" + line
	}
	for computed.MatchString(line) {
		line = computed.ReplaceAllString(line, `""`)
	}
	masked := Text(line)
	if masked == line {
		return false
	}
	at := strings.Index(masked, Mark)
	rest := line[at:]
	if word := strings.Fields(rest); prose && (len(word) == 0 || !strings.ContainsAny(word[0], "0123456789")) {
		return false
	}
	if notSecret.MatchString(line[:at]) || plain.MatchString(rest) {
		return Text(rest) != rest
	}
	return true
}
