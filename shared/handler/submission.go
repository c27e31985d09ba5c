package handler

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"aftercare/shared/remediation"
	"aftercare/shared/script"
)

// submission is what submit-task takes. Exactly one of Run, Invoke and Cancel
// is set.
type submission struct {
	// DedupeKey makes a repeated submission a duplicate, 1 to 128 characters.
	// Without it, only repeated deliveries of the same request are. It is
	// required for more than one instance.
	DedupeKey   string   `json:"dedupeKey"`
	InstanceID  string   `json:"instanceId"`
	InstanceIDs []string `json:"instanceIds"`
	// Priority is 0 to 9; 9 is released first, 5 is the default.
	Priority *int `json:"priority"`
	// ExpiresIn is how long the task may wait, a duration such as 24h.
	ExpiresIn duration    `json:"expiresIn"`
	Run       *runSpec    `json:"run"`
	Invoke    *invokeSpec `json:"invoke"`
	Cancel    *struct {
		TaskID string `json:"taskId"`
	} `json:"cancel"`
}

type runSpec struct {
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Content    string            `json:"content"`
	Timeout    duration          `json:"timeout"`
	WorkingDir string            `json:"workingDir"`
	Username   string            `json:"username"`
	Parameters map[string]string `json:"parameters"`
}

type invokeSpec struct {
	CommandID  string            `json:"commandId"`
	Timeout    duration          `json:"timeout"`
	Username   string            `json:"username"`
	Parameters map[string]string `json:"parameters"`
}

// duration is written as Go writes it: 90s, 5m, 24h.
type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return errors.New("must be a duration such as 90s, 5m or 24h")
	}
	*d = duration(v)
	return nil
}

// target is one instance's part of a submission.
type target struct {
	instanceID string
	input      remediation.Input
}

const maxTargets = 100

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

// isPlain reports whether the service can put s into a script as it is.
func isPlain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		return !letter && (r < '0' || r > '9') && !strings.ContainsRune("_.:/@=+,-", r)
	})
}

// parseSubmission reads a payload of submit-task. The error names every fault
// at once and quotes no value.
func parseSubmission(payload []byte, requestID string, p remediation.Policy) ([]target, error) {
	var s submission
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("the payload is no submission: %s", jsonFault(err))
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("the payload is no submission: something follows its JSON object")
	}
	ids := s.InstanceIDs
	if s.InstanceID != "" {
		ids = append(ids, s.InstanceID)
	}
	if err := errors.Join(s.faults(ids, p)...); err != nil {
		return nil, err
	}
	var targets []target
	for _, id := range ids {
		targets = append(targets, target{instanceID: id, input: s.input(requestID)})
	}
	return targets, nil
}

func (s submission) input(requestID string) remediation.Input {
	kind := "submission"
	if s.Cancel != nil {
		kind = "cancel"
	}
	key := remediation.Key(kind, "request", requestID)
	if s.DedupeKey != "" {
		key = remediation.Key(kind, "dedupeKey", s.DedupeKey)
	}
	if s.Cancel != nil {
		return remediation.Cancel{Key: key, DedupeKey: s.DedupeKey, TaskID: s.Cancel.TaskID}
	}
	in := remediation.Submission{
		Key: key, DedupeKey: s.DedupeKey, Priority: 5, ExpiresIn: time.Duration(s.ExpiresIn),
	}
	if s.Priority != nil {
		in.Priority = *s.Priority
	}
	if r := s.Run; r != nil {
		in.Name = r.Name
		in.Command.Run = &remediation.Run{
			Name: r.Name, Type: r.Type, Content: r.Content, Timeout: time.Duration(r.Timeout),
			WorkingDir: r.WorkingDir, Username: r.Username, Parameters: r.Parameters,
		}
	} else {
		in.Name = s.Invoke.CommandID
		in.Command.Invoke = &remediation.Invoke{
			CommandID: s.Invoke.CommandID, Timeout: time.Duration(s.Invoke.Timeout),
			Username: s.Invoke.Username, Parameters: s.Invoke.Parameters,
		}
	}
	return in
}

func (s submission) faults(ids []string, p remediation.Policy) []error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(len(ids) > 0, "instanceId is missing")
	check(len(ids) <= maxTargets, "instanceIds has %d instances, at most %d are allowed", len(ids), maxTargets)
	check(len(slices.Compact(slices.Sorted(slices.Values(ids)))) == len(ids), "an instance is named twice")
	for i, id := range ids {
		check(isID(id), "instance %d: an id has 1 to 128 printable characters, without space and slash", i+1)
	}
	check(len(ids) < 2 || s.DedupeKey != "",
		"dedupeKey is missing: with more than one instance it is needed, so that a repeated submission does nothing twice")
	check(len(s.DedupeKey) <= 128, "dedupeKey is longer than 128 bytes")
	check(s.Priority == nil || *s.Priority >= 0 && *s.Priority <= 9, "priority must be 0 to 9")
	check(s.ExpiresIn == 0 || s.ExpiresIn >= duration(time.Minute) && s.ExpiresIn <= duration(p.TableTTL/2),
		"expiresIn must be from 1m to %s", p.TableTTL/2)
	kinds := 0
	if s.Run != nil {
		kinds++
		faults = append(faults, s.Run.faults()...)
	}
	if s.Invoke != nil {
		kinds++
		faults = append(faults, s.Invoke.faults()...)
	}
	if s.Cancel != nil {
		kinds++
		check(isTaskID(s.Cancel.TaskID), "cancel.taskId must be the 32 hex digits that a submission answered")
		check(len(ids) == 1, "cancel needs exactly one instance")
	}
	check(kinds == 1, "exactly one of run, invoke and cancel is needed")
	return faults
}

func (r *runSpec) faults() []error {
	var faults []error
	if r.Name == "" || len(r.Name) > remediation.MaxNameLen || strings.ContainsFunc(r.Name, func(c rune) bool { return c < ' ' }) {
		faults = append(faults, fmt.Errorf("run.name needs 1 to %d bytes without control characters", remediation.MaxNameLen))
	}
	if r.Content == "" {
		faults = append(faults, errors.New("run.content is missing"))
	}
	if len(r.WorkingDir) > 200 {
		faults = append(faults, errors.New("run.workingDir is longer than 200 characters"))
	}
	if len(r.Username) > 255 {
		faults = append(faults, errors.New("run.username is longer than 255 characters"))
	}
	faults = append(faults, timeoutFault("run", r.Timeout)...)
	if _, err := script.WithParameters(r.Type, r.Content, r.Parameters); err != nil {
		faults = append(faults, fmt.Errorf("run: %w", err))
	}
	return faults
}

func (i *invokeSpec) faults() []error {
	faults := timeoutFault("invoke", i.Timeout)
	if !isID(i.CommandID) {
		faults = append(faults, errors.New("invoke.commandId is missing or malformed"))
	}
	if len(i.Username) > 255 {
		faults = append(faults, errors.New("invoke.username is longer than 255 characters"))
	}
	if len(i.Parameters) > 10 {
		faults = append(faults, errors.New("invoke.parameters has more than 10 entries"))
	}
	for name, value := range i.Parameters {
		if !isPlain(value) {
			faults = append(faults, fmt.Errorf("invoke.parameters: the value of %q may hold letters, digits and _.:/@=+,- only, because the service does not quote it", name))
		}
	}
	return faults
}

func timeoutFault(where string, d duration) []error {
	if d != 0 && (d < duration(10*time.Second) || d > duration(24*time.Hour)) {
		return []error{fmt.Errorf("%s.timeout must be from 10s to 24h", where)}
	}
	return nil
}

// jsonFault says what is wrong with a JSON text without quoting it.
func jsonFault(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("not JSON at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Sprintf("%s must be %s", kind.Field, kind.Type)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it is empty or cut off"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}
