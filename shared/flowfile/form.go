package flowfile

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"aftercare/shared/command"
	"aftercare/shared/flow"
	"aftercare/shared/suggest"
	"aftercare/shared/timetable"
	"aftercare/shared/yamlfile"
)

// opening begins an expression inside a text.
const opening = "${{"

// forms are the forms of texts that only files of flows have.
var forms = map[string]yamlfile.Form{
	"condition":  {Numbers: true, Truths: true, Schema: schema("type", []string{"string", "boolean"}, "minLength", 1)},
	"template":   {Foreign: true, Wrong: wrongTemplate, Schema: schema("type", "string", "minLength", 1)},
	"jump":       {Wrong: notEmpty(""), Schema: schema("type", "string", "pattern", flow.NamePattern)},
	"command-id": {Schema: schema("type", "string", "pattern", command.IDPattern)},
	"wait": {Numbers: true, Wrong: wrongWait, Schema: schema("type", "string", "anyOf", []any{
		map[string]any{"const": flow.WaitNextBoot}, map[string]any{"pattern": yamlfile.DurationPattern},
	})},
	"scalar":  {Numbers: true, Truths: true, Schema: schema("type", scalars)},
	"cron":    {Wrong: func(_ yamlfile.Key, text string) string { return timetable.WrongCron(text) }, Schema: schema("type", "string", "minLength", 1)},
	"regexp":  {Wrong: wrongRegexp, Schema: schema("type", "string", "format", "regex", "minLength", 1)},
	"address": {Wrong: wrongAddress, Schema: schema("type", "string", "pattern", addressPattern, "maxLength", maxAddress)},
	"path":    {Wrong: wrongPath, Schema: schema("type", "string", "minLength", 1)},
	"dates":   {Wrong: wrongDates, Schema: schema("type", "string", "pattern", datesPattern)},
	"patterns": {
		One: true, Numbers: true, Truths: true, Wrong: notEmpty("write what it must be, or '*' for any value"),
		Schema: schema("type", scalars, "minLength", 1),
	},
	"ends": {Empty: true, Wrong: wrongEnd, Schema: schema("anyOf", []any{
		map[string]any{"enum": slices.Concat(flow.RetryStatuses, errorCodes)},
		map[string]any{"type": "string", "pattern": containerPattern},
	})},
}

var scalars = []string{"string", "number", "boolean"}

// schema describes every key of a form by the same keywords, each with its value.
func schema(pairs ...any) func(yamlfile.Key) map[string]any {
	return func(yamlfile.Key) map[string]any {
		all := map[string]any{}
		for pair := range slices.Chunk(pairs, 2) {
			all[pair[0].(string)] = pair[1]
		}
		return all
	}
}

// notEmpty refuses the empty text, in whose place something is to be written: what
// the key's hint says, if no more is known.
func notEmpty(write string) func(yamlfile.Key, string) string {
	return func(k yamlfile.Key, text string) string {
		if text != "" {
			return ""
		}
		return k.Name + " is empty: " + cmp.Or(write, k.Hint)
	}
}

// unmeant finds an expression where none is evaluated. [16]
func unmeant(k yamlfile.Key, text string) (at int, mistake string) {
	at = strings.Index(text, opening)
	switch {
	case at < 0:
		return 0, ""
	case k.Form == "condition":
		return at, "when is an expression already: write it without ${{ and }}"
	case k.Form != "text":
		return at, "${{ is only evaluated in the values of parameters and in the texts of alerts: write the text itself here"
	}
	return at, "${{ is only evaluated in the values of parameters and in the texts of alerts: set a parameter there, and use it here as a variable of the script"
}

const (
	// addressPattern are the addresses of web pages: a host, maybe a port, and what
	// follows. Nobody's name or password stands in them.
	addressPattern = `^[Hh][Tt][Tt][Pp][Ss]?://(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:%\[\]<>"\\^{|}` + "`" + `\x00-\x20\x7f]+)(:[0-9]{1,5})?([/?#]([^\s%\x00-\x20\x7f]|%[0-9A-Fa-f]{2})*)?$`
	// maxAddress is how much of an address alerts show, in bytes: half of one leads
	// nowhere.
	maxAddress = 300
)

var addresses = regexp.MustCompile(addressPattern)

func wrongAddress(k yamlfile.Key, text string) string {
	const instead = "write one such as https://wiki.example.com/agent"
	scheme, rest, cut := strings.Cut(text, "://")
	switch {
	case len(text) > maxAddress:
		return fmt.Sprintf("%s has %d bytes: an alert shows at most %d", k.Name, len(text), maxAddress)
	case addresses.MatchString(text):
		return ""
	case !cut && addresses.MatchString("https://"+text) && strings.Contains(text, "."):
		return fmt.Sprintf("%s is not the address of a web page%s", k.Name, suggest.DidYouMean("https://"+text))
	case strings.ToLower(scheme) != "https" && strings.ToLower(scheme) != "http":
		return fmt.Sprintf("%s must begin with https:// or http://, but this is %.60q: %s", k.Name, text, instead)
	case strings.Contains(strings.SplitN(rest, "/", 2)[0], "@"):
		return k.Name + " contains a user or a password, which every reader of an alert would see: leave it out"
	}
	return fmt.Sprintf("%s is not the address of a web page, but %.60q: %s", k.Name, text, instead)
}

func wrongTemplate(k yamlfile.Key, text string) string {
	switch {
	case strings.TrimSpace(text) == "":
		return k.Name + " is empty: " + cmp.Or(k.Need, "write its text")
	case strings.ContainsRune(text, 0):
		return k.Name + " contains a NUL character: remove it"
	}
	return ""
}

func wrongRegexp(k yamlfile.Key, text string) string {
	switch _, err := flow.Whole(text); {
	case text == "":
		return k.Name + " is empty: " + k.Hint
	case err != nil:
		return fmt.Sprintf("%s is not a regular expression, because %s: %s", k.Name, flow.UnreadablePattern(err), k.Hint)
	}
	return ""
}

func wrongWait(k yamlfile.Key, text string) string {
	if text == flow.WaitNextBoot {
		return ""
	}
	switch strings.NewReplacer(" ", "-", "_", "-").Replace(strings.ToLower(strings.TrimSpace(text))) {
	case flow.WaitNextBoot, "nextboot", "reboot":
		return yamlfile.NotADuration(k.Name, text, flow.WaitNextBoot)
	}
	_, mistake := k.Duration(text, ", or "+flow.WaitNextBoot)
	return mistake
}
