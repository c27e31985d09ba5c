package flowfile

import (
	"strings"

	"aftercare/shared/command"
	"aftercare/shared/flow"
	"aftercare/shared/yamlfile"
)

// opening begins an expression inside a text.
const opening = "${{"

// forms are the forms of texts that only files of flows have.
var forms = map[string]yamlfile.Form{
	"condition": {Numbers: true, Truths: true, Schema: func(yamlfile.Key) map[string]any {
		return map[string]any{"type": []string{"string", "boolean"}, "minLength": 1}
	}},
	"template": {Foreign: true, Wrong: wrongTemplate, Schema: func(yamlfile.Key) map[string]any {
		return map[string]any{"type": "string", "minLength": 1}
	}},
	"jump": {Wrong: wrongJump, Schema: func(yamlfile.Key) map[string]any {
		return map[string]any{"type": "string", "pattern": flow.NamePattern}
	}},
	"command-id": {Schema: func(yamlfile.Key) map[string]any {
		return map[string]any{"type": "string", "pattern": command.IDPattern}
	}},
	"wait": {Numbers: true, Wrong: wrongWait, Schema: func(yamlfile.Key) map[string]any {
		return map[string]any{"type": "string", "anyOf": []any{map[string]any{"const": flow.WaitNextBoot}, map[string]any{"pattern": yamlfile.DurationPattern}}}
	}},
	"ends": {Empty: true, Wrong: func(_ yamlfile.Key, text string) string { return wrongEnd(text) }, Schema: func(yamlfile.Key) map[string]any {
		return map[string]any{"anyOf": []any{
			map[string]any{"enum": append(append([]string{}, flow.RetryStatuses...), errorCodes...)},
			map[string]any{"type": "string", "pattern": containerPattern},
		}}
	}},
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

func wrongTemplate(k yamlfile.Key, text string) string {
	switch {
	case strings.TrimSpace(text) == "":
		if k.Need != "" {
			return k.Name + " is empty: " + k.Need
		}
		return k.Name + " is empty: write its text"
	case strings.ContainsRune(text, 0):
		return k.Name + " contains a NUL character: remove it"
	}
	return ""
}

func wrongJump(k yamlfile.Key, text string) string {
	if text == "" {
		return k.Name + " is empty: " + k.Hint
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
