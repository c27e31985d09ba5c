package flowfile

import (
	_ "embed" // hints.txt
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"aftercare/shared/flow"
)

//go:embed hints.txt
var hintsFile string

// hint is what to say where a form fits: a row of hints.txt.
type hint struct {
	form *regexp.Regexp
	say  string
}

const (
	value     = `([A-Za-z_][\w.]*(?:\["[^"]*"\])?(?:\.\w+)*(?:\([^()]*\))?)`
	operators = `(==|!=|<=|>=|<|>|&&|\|\||[-+*/%]|\b(?:and|or|not|in|contains|startsWith|endsWith|matches)\b)`
)

// hints are the rows of hints.txt by the name of their table.
var hints = sync.OnceValue(func() map[string][]hint {
	tables, name, form := map[string][]hint{}, "", ""
	for line := range strings.Lines(hintsFile) {
		line = strings.TrimSuffix(line, "\n")
		say, isSay := strings.CutPrefix(line, "\t")
		switch {
		case isSay:
			form = strings.NewReplacer("VALUE", value, "OPERATOR", operators).Replace(form)
			tables[name] = append(tables[name], hint{regexp.MustCompile(form), say})
		case strings.HasPrefix(line, "[") && strings.Contains(line, "] "):
			name, _, _ = strings.Cut(line[1:], "]")
		default:
			form = line
		}
	}
	return tables
})

// meant are names of other tools for what a field says here.
var meant = map[string]map[string]string{
	"event": {
		"status": "invocationStatus", "result": "invocationStatus", "state": "invocationStatus", "outcome": "invocationStatus", "conclusion": "invocationStatus",
		"code": "exitCode", "rc": "exitCode", "returnCode": "exitCode", "statusCode": "exitCode", "error": "errorCode", "message": "errorDesc", "reason": "errorDesc",
		"name": "commandName", "command": "commandName", "commands": "commandName", "type": "kind", "instance": "instanceId", "host": "instanceId", "invocationId": "invokeId",
		"endTime": "finishTime", "timestamp": "time", "regionId": "region", "zone": "azone", "zoneId": "azone",
		"hostname": "instance.name", "instanceName": "instance.name", "tags": "instance.tags", "os": "instance.os", "platform": "instance.os", "labels": "instance.tags",
	},
	"instance": {
		"instanceId": "id", "platform": "os", "osType": "os", "osName": "os", "status": "state", "labels": "tags", "hostname": "name", "instanceName": "name",
		"regionId": "region", "zoneId": "zone", "azone": "zone", "version": "agentVersion", "failures": "failedRuns",
	},
	"run":    {"attempts": "attempt", "startTime": "startedAt", "started": "startedAt", "retries": "attempt"},
	"a step": {"stdout": "output", "stderr": "output", "outputs": "output", "outcome": "status", "conclusion": "status", "result": "status", "state": "status", "rc": "exitCode", "code": "exitCode", "error": "errorCode", "attempt": "attempts"},
}

var noField = regexp.MustCompile(`^(event|instance|run|a step) has no field "(\w+)"`)

// reworded puts the mistakes that package flow found into words that say what to
// write. Text is the expression.
func reworded(text string, mistakes []flow.Mistake) []flow.Mistake {
	var out []flow.Mistake
	past := 0 // what is before it was said already
	for _, m := range mistakes {
		if m.Offset < past {
			continue
		}
		runes := []rune(text)
		at := min(m.Offset, len(runes))
		switch field := noField.FindStringSubmatch(m.Text); {
		case m.Syntax:
			if open := unclosed(text); open >= 0 {
				m.Offset, m.Text = open, "this "+string(runes[open])+" is never closed: write "+closers[runes[open]]
			} else if says, _ := say("unreadable", runes, at); says != "" {
				m.Text = says
			} else if says, _ := say("leftover", runes, at); says != "" && flow.Generic(m.Text) {
				m.Text = says
			}
		case field != nil && meant[field[1]][field[2]] != "":
			m.Text = field[0] + flow.DidYouMean(meant[field[1]][field[2]])
		case strings.HasPrefix(m.Text, "there is no name ") || strings.HasPrefix(m.Text, "there is no function "):
			if says, length := say("unnamed", runes, at); says != "" {
				m.Text, past = says, at+length
			}
		}
		out = append(out, m)
	}
	return out
}

// say returns what the first hint that fits says, and how far behind the place the
// first group of its form reaches.
func say(table string, text []rune, at int) (says string, length int) {
	before, after := string(text[max(0, at-200):at]), string(text[at:min(len(text), at+200)])
	marked := before + "▸" + after
	for _, h := range hints()[table] {
		for _, m := range h.form.FindAllStringSubmatchIndex(marked, -1) {
			if m[0] > len(before)+len("▸") || m[1] < len(before) {
				continue // it is elsewhere in the text
			}
			says = strings.ReplaceAll(string(h.form.ExpandString(nil, h.say, marked, m)), "▸", "")
			if len(m) > 2 && m[3] > len(before) {
				length = utf8.RuneCountInString(marked[len(before):m[3]]) - 1
			}
			return says, length
		}
	}
	return "", 0
}

var closers = map[rune]string{'"': `" at the end of the text`, '\'': "' at the end of the text", '`': "` at the end of the text", '(': ")", '[': "]", '{': "}", '/': "*/"}

// unclosed returns the place of a quote, bracket or comment that is not closed, or -1.
func unclosed(text string) int {
	runes := []rune(text)
	var open []int
	for i := 0; i < len(runes); i++ {
		switch c := runes[i]; c {
		case '"', '\'', '`':
			begin := i
			for i++; i < len(runes) && runes[i] != c; i++ {
				if runes[i] == '\n' && c != '`' {
					return begin
				}
				if runes[i] == '\\' && c != '`' {
					i++
				}
			}
			if i >= len(runes) {
				return begin
			}
		case '/':
			if strings.HasPrefix(string(runes[i:]), "/*") && !strings.Contains(string(runes[i:]), "*/") {
				return i
			}
		case '(', '[', '{':
			open = append(open, i)
		case ')', ']', '}':
			if len(open) > 0 && strings.ContainsRune("()[]{}", c) && closers[runes[open[len(open)-1]]] == string(c) {
				open = open[:len(open)-1]
			}
		}
	}
	if len(open) > 0 && !slices.Contains(open, len(runes)) {
		return open[len(open)-1]
	}
	return -1
}
