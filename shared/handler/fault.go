package handler

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"aftercare/shared/remediation"
	"aftercare/shared/script"
)

// Bounds of a submission. Those of a command are Cloud Assistant's.
const (
	maxTargets    = 100
	maxDedupeKey  = 128
	maxWorkingDir = 200
	maxUsername   = 255
	// maxInvokeParameters and maxInvokeBytes bound the parameters of a saved
	// command, whose names and values count to its content's 24 KB as base64.
	maxInvokeParameters = 10
	maxInvokeBytes      = script.MaxEncoded / 4 * 3
)

// faultList collects what is wrong with a submission.
type faultList []error

func (l *faultList) check(ok bool, format string, args ...any) {
	if !ok {
		*l = append(*l, fmt.Errorf(format, args...))
	}
}

// faults lists everything that is wrong, without quoting a value.
func (s submission) faults(ids []string, p remediation.Policy) []error {
	var l faultList
	l.checkTargets(ids)
	l.check(len(ids) < 2 || s.DedupeKey != "",
		"dedupeKey is missing: with more than one instance it is needed, so that a repeated submission does nothing twice")
	l.check(len(s.DedupeKey) <= maxDedupeKey, "dedupeKey is longer than %d bytes", maxDedupeKey)
	l.check(s.Priority == nil || *s.Priority >= 0 && *s.Priority <= 9, "priority must be 0 to 9")
	l.checkDuration("expiresIn", s.ExpiresIn, time.Minute, p.TableTTL/2)
	kinds := 0
	if s.Run != nil {
		kinds++
		s.Run.check(&l)
	}
	if s.Invoke != nil {
		kinds++
		s.Invoke.check(&l)
	}
	if s.Cancel != nil {
		kinds++
		l.check(isTaskID(s.Cancel.TaskID), "cancel.taskId must be the 32 hex digits that a submission answered")
		l.check(len(ids) == 1, "cancel needs exactly one instance")
	}
	l.check(kinds == 1, "exactly one of run, invoke and cancel is needed")
	return l
}

func (l *faultList) checkTargets(ids []string) {
	l.check(len(ids) > 0, "instanceId is missing")
	if len(ids) > maxTargets {
		l.check(false, "instanceIds has %d instances, at most %d are allowed", len(ids), maxTargets)
		return
	}
	l.check(len(slices.Compact(slices.Sorted(slices.Values(ids)))) == len(ids), "an instance is named twice")
	for i, id := range ids {
		l.check(isID(id), "instance %d: an id has 1 to 128 printable characters, without space and slash", i+1)
	}
}

func (l *faultList) checkDuration(field string, d duration, least, most time.Duration) {
	switch {
	case d.wrong:
		l.check(false, "%s must be a duration such as 90s, 5m or 24h", field)
	case d.Duration != 0:
		l.check(d.Duration >= least && d.Duration <= most, "%s must be from %s to %s", field, least, most)
	}
}

func (r *runSpec) check(l *faultList) {
	l.check(r.Name != "" && len(r.Name) <= remediation.MaxNameLen && !strings.ContainsFunc(r.Name, func(c rune) bool { return c < ' ' }),
		"run.name needs 1 to %d bytes without control characters", remediation.MaxNameLen)
	l.check(r.Content != "", "run.content is missing")
	l.check(utf8.RuneCountInString(r.WorkingDir) <= maxWorkingDir, "run.workingDir is longer than %d characters", maxWorkingDir)
	l.checkUsername("run", r.Username)
	l.checkTimeout("run", r.Timeout)
	switch {
	case script.CheckType(r.Type) != nil:
		l.check(false, "run.type must be %s, %s or %s", script.RunShellScript, script.RunBatScript, script.RunPowerShellScript)
	case len(r.Parameters) > 0 && script.CheckInterpreter(r.Type, r.Content) != nil:
		// The reason itself would quote a word of the script.
		l.check(false, "run.parameters: only scripts for sh, bash and PowerShell take parameters, and the last only without a param block and a using statement")
	default:
		if _, err := script.WithParameters(r.Type, r.Content, r.Parameters); err != nil {
			l.check(false, "run: %w", err)
		}
	}
}

func (i *invokeSpec) check(l *faultList) {
	l.check(isID(i.CommandID), "invoke.commandId is missing or malformed")
	l.checkUsername("invoke", i.Username)
	l.checkTimeout("invoke", i.Timeout)
	if len(i.Parameters) > maxInvokeParameters {
		l.check(false, "invoke.parameters has more than %d entries", maxInvokeParameters)
		return
	}
	size := 0
	for _, name := range slices.Sorted(maps.Keys(i.Parameters)) {
		value := i.Parameters[name]
		size += len(name) + len(value)
		if !isName(name) {
			l.check(false, "invoke.parameters: a name has 1 to 64 letters, digits, - and _")
			continue
		}
		l.check(isPlain(value),
			"invoke.parameters: the value of %s may hold letters, digits and _.:/@=+,- only, because the service does not quote it", name)
	}
	l.check(size <= maxInvokeBytes, "invoke.parameters has more than %d bytes of names and values", maxInvokeBytes)
}

func (l *faultList) checkUsername(where, name string) {
	l.check(utf8.RuneCountInString(name) <= maxUsername, "%s.username is longer than %d characters", where, maxUsername)
}

func (l *faultList) checkTimeout(where string, d duration) {
	l.checkDuration(where+".timeout", d, 10*time.Second, 24*time.Hour)
}

// jsonFault says what is wrong with a JSON text without quoting it.
func jsonFault(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("not JSON, or nested too deeply, at byte %d", syntax.Offset)
	case errors.As(err, &kind) && kind.Field == "":
		return "it is not a JSON object"
	case errors.As(err, &kind):
		return kind.Field + " must " + jsonKind(kind.Type, kind.Field)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it is empty or cut off"
	}
	// What is left is a field that is not known, of which the name is told.
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok && len(name) <= 66 {
		return "the field " + name + " is not known"
	}
	return "it has a field that is not known"
}

// jsonKind says in JSON's words what a field must be or hold.
func jsonKind(t reflect.Type, field string) string {
	switch {
	case t == reflect.TypeFor[duration]():
		return "be a text with a duration such as 90s, 5m or 24h"
	case t.Kind() == reflect.String && (field == "instanceIds" || strings.HasSuffix(field, ".parameters")):
		return "hold texts"
	case t.Kind() == reflect.String:
		return "be a text"
	case t.Kind() == reflect.Int:
		return "be a whole number"
	case t.Kind() == reflect.Slice:
		return "be a list"
	}
	return "be an object"
}

// The forms are told without regular expressions, which would be compiled at
// every cold start.

// isID reports whether s is 1 to 128 printable ASCII characters without space
// and slash.
func isID(s string) bool {
	return s != "" && len(s) <= 128 &&
		!strings.ContainsFunc(s, func(r rune) bool { return r < '!' || r > '~' || r == '/' })
}

// isTaskID reports whether s is 32 hex digits.
func isTaskID(s string) bool { return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == "" }

// isName reports whether s can be a parameter's name of a saved command.
func isName(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return !isAlphanumeric(r) && r != '-' && r != '_'
	})
}

// isPlain reports whether the service can put s into a script as it is.
func isPlain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !isAlphanumeric(r) && !strings.ContainsRune("_.:/@=+,-", r)
	})
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
