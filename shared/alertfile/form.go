package alertfile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"aftercare/shared/flow"
	"aftercare/shared/routing"
	"aftercare/shared/suggest"
	"aftercare/shared/yamlfile"
)

// forms are the forms of texts that only files of alerts have.
var forms = map[string]yamlfile.Form{
	"names":    {One: true, Empty: true, Wrong: wrongName, Schema: text(flow.NamePattern)},
	"group":    {Empty: true, Wrong: wrongGroup, Schema: text(`^(` + strings.Join(routing.GroupNames, "|") + `|tags\..+|labels\..+)$`)},
	"patterns": {One: true, Wrong: notEmpty, Schema: text(`\S`)},
	"mentions": {One: true, Numbers: true, Wrong: wrongMention, Schema: func(yamlfile.Key) map[string]any {
		return map[string]any{"type": []string{"string", "number"}}
	}},
	// A number is read as a text, so that no mistake repeats it.
	"reference": {Numbers: true, Truths: true, Schema: text(`.`)},
}

// text describes a text by a pattern.
func text(pattern string) func(yamlfile.Key) map[string]any {
	return func(yamlfile.Key) map[string]any { return map[string]any{"type": "string", "pattern": pattern} }
}

func wrongName(k yamlfile.Key, text string) string {
	if flow.ValidName(text) {
		return ""
	}
	return fmt.Sprintf("%s lists names, which consist of a-z, 0-9 and -; this is %.70q", k.Name, text)
}

func notEmpty(k yamlfile.Key, text string) string {
	if strings.TrimSpace(text) == "" {
		return k.Name + " is empty: write what it must be, such as backup-*"
	}
	return ""
}

// wrongGroup finds names that routing.Value does not know.
func wrongGroup(k yamlfile.Key, text string) string {
	for _, prefix := range []string{routing.TagPrefix, routing.LabelPrefix} {
		if name, ok := strings.CutPrefix(text, prefix); ok {
			if name == "" {
				return fmt.Sprintf("%s lacks a name behind %s: write %srole, for example", k.Name, text, prefix)
			}
			return ""
		}
	}
	if slices.Contains(routing.GroupNames, text) {
		return ""
	}
	known := append(slices.Clone(routing.GroupNames), "tags.NAME", "labels.NAME")
	return yamlfile.UnknownWord(k.Name, text, known)
}

var mention = regexp.MustCompile(`^[A-Za-z0-9_.@+-]{1,64}$`)

func wrongMention(k yamlfile.Key, text string) string {
	if who, at := strings.CutPrefix(text, "@"); at {
		return fmt.Sprintf("%s lists people without @%s", k.Name, suggest.DidYouMean(who))
	}
	if mention.MatchString(text) {
		return ""
	}
	return fmt.Sprintf("%s lists all, mobile numbers or ids of users, which consist of letters, digits and _.@+-; this is %.70q", k.Name, text)
}
