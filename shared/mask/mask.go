// Package mask replaces what looks like a secret in text that people will read,
// such as what a command printed. One table says what that is. A secret without
// a name or a form of its own is not found, so masked text is not public text.
//
// It is pure: no I/O and no clock.
package mask

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// Mark stands for a secret.
const Mark = "[masked]"

// rule is one form of secret. Submatches that are named "keep" stay, and all the
// rest of the match becomes one Mark.
type rule struct {
	what string
	form *regexp.Regexp
	// words are in lower case. What matches has one of them, in any case: most texts
	// have none, and looking for words is quick.
	words []string
}

// names are parts of the names of things whose value is a secret.
var names = words("passw passphrase pwd secret token api_key api-key apikey access_key access-key accesskey private_key private-key privatekey credential signature")

var secretName = `[\w.-]*(?:` + strings.Join(names, "|") + `)[\w.-]*`

// rules are in the order in which they apply: what spans lines and whole headers
// first.
var rules = []rule{
	{"a private key, cut or whole", re(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----(?:.*?-----END [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----|.*)`), []string{"private key"}},
	{"a header that authorizes", re(`(?im)(?P<keep>\b(?:proxy-)?authorization["']?[ \t]*[:=][ \t]*["']?)[^"'\s][^"'\r\n]*`), words("authorization")},
	{"a cookie", re(`(?im)(?P<keep>\b(?:set-)?cookie["']?[ \t]*:[ \t]*["']?)[^"'\s][^"'\r\n]*`), words("cookie")},
	{"a bearer or basic credential", re(`(?i)(?P<keep>\b(?:bearer|basic)[ \t]+)[a-z0-9._~+/=-]{16,}`), words("bearer basic")},
	{"the password in a URL", re(`(?i)(?P<keep>\b[a-z][a-z0-9+.-]*://[^\s/:@"']*:)[^\s/@"']+(?P<keep>@)`), words("://")},
	{"a webhook of Lark", re(`(?P<keep>/open-apis/bot/(?:v2/)?hook/)[\w-]+`), words("/open-apis/bot/")},
	{"a webhook of WeCom", re(`(?P<keep>/cgi-bin/webhook/\w+\?key=)[\w-]+`), words("/cgi-bin/webhook/")},
	{"a webhook of Slack", re(`(?P<keep>hooks\.slack\.com/(?:services|workflows|triggers)/)[\w/-]+`), words("hooks.slack.com")},
	{"a webhook of Teams", re(`(?P<keep>\.webhook\.office\.com/webhookb2/)[^\s"']+`), words(".webhook.office.com")},
	{"a bot of Telegram", re(`(?P<keep>api\.telegram\.org/bot)[\w:-]+`), words("api.telegram.org")},
	{"a quoted value with a name", re(`(?i)(?P<keep>\b` + secretName + `\\?["']?[ \t]*(?:[:=]|=>|:=)[ \t]*")(?:[^"\\\n]|\\.)+(?P<keep>")`), names},
	{"a value in single quotes with a name", re(`(?i)(?P<keep>\b` + secretName + `["']?[ \t]*(?:[:=]|=>|:=)[ \t]*')[^'\n]+(?P<keep>')`), names},
	{"a plain value with a name", re(`(?i)(?P<keep>\b` + secretName + `\\?["']?[ \t]*(?:=>|:=|[:=])[ \t]*(?:\\?["'])?)[^\s"',;&<>{}\\]+`), names},
	{"the value of a flag", re(`(?i)(?P<keep>(?:^|\s)--?` + secretName + `[ \t]+)[^\s"'-][^\s"']*`), names},
	{"the password of a database client", re(`(?P<keep>\bmysql\w*\b[^\n|;&]*?\s-p)[^\s"']+`), words("mysql")},
	{"an access key id", re(`(?P<keep>LTAI)[A-Za-z0-9]{8,}`), words("ltai")},
	{"a temporary access key id", re(`(?P<keep>\bSTS\.)[A-Za-z0-9]{8,}`), words("sts.")},
	{"a security token", re(`\bCAIS[A-Za-z0-9+/=]{24,}`), words("cais")},
	{"a JSON web token", re(`\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?`), words("eyj")},
	{"a key of other clouds and forges", re(`\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{10,}|sk-[\w-]{20,})`),
		words("akia asia ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- xox sk-")},
	{"the hash of a password", re(`\$(?:1|2[aby]|5|6|7|y|gy|argon2i?d?)\$[^\s:"']{16,}`), words("$")},
}

func words(list string) []string { return strings.Fields(list) }

func re(form string) *regexp.Regexp { return regexp.MustCompile(form) }

// maxRounds bounds how often the table is applied. What one rule leaves can have
// the form of another.
const maxRounds = 8

// Mask masks what the table knows, and more. The zero value knows the table alone.
type Mask struct{ more []*regexp.Regexp }

// New returns a mask that also knows what regular expressions match, which white space
// separates. Alone, the word none stands for no expression. The error repeats none.
func New(patterns string) (Mask, error) {
	var m Mask
	if patterns == "none" {
		return m, nil
	}
	for i, pattern := range strings.Fields(patterns) {
		form, err := regexp.Compile(pattern)
		var wrong *syntax.Error
		switch {
		case errors.As(err, &wrong):
			return Mask{}, fmt.Errorf("has a regular expression that cannot be read, number %d: %s", i+1, wrong.Code)
		case form.MatchString(""):
			return Mask{}, fmt.Errorf("has a regular expression that matches an empty text, number %d: it would mask everything", i+1)
		}
		m.more = append(m.more, form)
	}
	return m, nil
}

// Text masks what the table knows.
func Text(text string) string { return Mask{}.Text(text) }

// Text returns text with a Mark for each secret. With the table alone, masking it
// again changes nothing.
func (m Mask) Text(text string) string {
	for range maxRounds {
		masked, lower := text, strings.ToLower(text)
		for _, r := range rules {
			if r.mayMatch(lower) {
				masked = r.apply(masked)
			}
		}
		for _, form := range m.more {
			parts := strings.Split(masked, Mark) // a Mark is no secret
			for i := range parts {
				parts[i] = form.ReplaceAllLiteralString(parts[i], Mark)
			}
			masked = strings.Join(parts, Mark)
		}
		if masked == text {
			break
		}
		text = masked
	}
	return text
}

func (r rule) mayMatch(lower string) bool {
	return slices.ContainsFunc(r.words, func(word string) bool { return strings.Contains(lower, word) })
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
