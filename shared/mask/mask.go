// Package mask replaces what looks like a secret in text that people will read,
// such as what a command printed. One table says what that is. A secret without
// a name or a form of its own is not found, so masked text is not public text.
//
// It is pure: no I/O and no clock.
package mask

import (
	"regexp"
	"strings"
)

// Mark stands for a secret.
const Mark = "[masked]"

// rule is one form of secret. Submatches that are named "keep" stay, and all the
// rest of the match becomes one Mark.
type rule struct {
	what string
	form *regexp.Regexp
}

// The names of things whose value is a secret.
const secretName = `[\w.-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|signature)[\w.-]*`

// rules are in the order in which they apply: what spans lines and whole headers
// first.
var rules = []rule{
	{"a private key, cut or whole", re(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----(?:.*?-----END [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----|.*)`)},
	{"a header that authorizes", re(`(?im)(?P<keep>\b(?:proxy-)?authorization["']?[ \t]*[:=][ \t]*["']?)[^"'\s][^"'\r\n]*`)},
	{"a cookie", re(`(?im)(?P<keep>\b(?:set-)?cookie["']?[ \t]*:[ \t]*["']?)[^"'\s][^"'\r\n]*`)},
	{"a bearer or basic credential", re(`(?i)(?P<keep>\b(?:bearer|basic)[ \t]+)[a-z0-9._~+/=-]{16,}`)},
	{"the password in a URL", re(`(?i)(?P<keep>\b[a-z][a-z0-9+.-]*://[^\s/:@"']*:)[^\s/@"']+(?P<keep>@)`)},
	{"a webhook of Lark", re(`(?P<keep>/open-apis/bot/(?:v2/)?hook/)[\w-]+`)},
	{"a webhook of WeCom", re(`(?P<keep>/cgi-bin/webhook/\w+\?key=)[\w-]+`)},
	{"a webhook of Slack", re(`(?P<keep>hooks\.slack\.com/(?:services|workflows|triggers)/)[\w/-]+`)},
	{"a webhook of Teams", re(`(?P<keep>\.webhook\.office\.com/webhookb2/)[^\s"']+`)},
	{"a bot of Telegram", re(`(?P<keep>api\.telegram\.org/bot)[\w:-]+`)},
	{"a quoted value with a name", re(`(?i)(?P<keep>\b` + secretName + `\\?["']?[ \t]*(?:[:=]|=>|:=)[ \t]*")(?:[^"\\\n]|\\.)+(?P<keep>")`)},
	{"a value in single quotes with a name", re(`(?i)(?P<keep>\b` + secretName + `["']?[ \t]*(?:[:=]|=>|:=)[ \t]*')[^'\n]+(?P<keep>')`)},
	{"a plain value with a name", re(`(?i)(?P<keep>\b` + secretName + `\\?["']?[ \t]*(?:=>|:=|[:=])[ \t]*(?:\\?["'])?)[^\s"',;&<>{}\\]+`)},
	{"the value of a flag", re(`(?i)(?P<keep>(?:^|\s)--?` + secretName + `[ \t]+)[^\s"'-][^\s"']*`)},
	{"the password of a database client", re(`(?P<keep>\bmysql\w*\b[^\n|;&]*?\s-p)[^\s"']+`)},
	{"an access key id", re(`(?P<keep>LTAI)[A-Za-z0-9]{8,}`)},
	{"a temporary access key id", re(`(?P<keep>\bSTS\.)[A-Za-z0-9]{8,}`)},
	{"a security token", re(`\bCAIS[A-Za-z0-9+/=]{24,}`)},
	{"a JSON web token", re(`\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?`)},
	{"a key of other clouds and forges", re(`\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{10,}|sk-[\w-]{20,})`)},
	{"the hash of a password", re(`\$(?:1|2[aby]|5|6|7|y|gy|argon2i?d?)\$[^\s:"']{16,}`)},
}

func re(form string) *regexp.Regexp { return regexp.MustCompile(form) }

// maxRounds bounds how often the table is applied. What one rule leaves can have
// the form of another.
const maxRounds = 8

// Text returns text with a Mark for each secret. Masking it again changes
// nothing.
func Text(text string) string {
	for range maxRounds {
		masked := text
		for _, r := range rules {
			masked = r.apply(masked)
		}
		if masked == text {
			break
		}
		text = masked
	}
	return text
}

// apply replaces every match of the rule.
func (r rule) apply(text string) string {
	var b strings.Builder
	end := 0
	for _, m := range r.form.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(text[end:m[0]])
		at := m[0]
		marked := false
		for i, name := range r.form.SubexpNames() {
			if name != "keep" {
				continue
			}
			if at < m[2*i] {
				b.WriteString(Mark)
				marked = true
			}
			b.WriteString(text[m[2*i]:m[2*i+1]])
			at = m[2*i+1]
		}
		if at < m[1] && !marked {
			b.WriteString(Mark)
		}
		end = m[1]
	}
	return b.String() + text[end:]
}
