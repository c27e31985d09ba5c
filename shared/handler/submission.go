package handler

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"aftercare/shared/remediation"
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

// duration is written as Go writes it: 90s, 5m, 24h. A text that is none is
// a fault like others, to be told together with them.
type duration struct {
	time.Duration
	wrong bool
}

func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = duration{Duration: v, wrong: err != nil}
	return nil
}

// target is one instance's part of a submission.
type target struct {
	instanceID string
	input      remediation.Input
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
		Key: key, DedupeKey: s.DedupeKey, Priority: 5, ExpiresIn: s.ExpiresIn.Duration,
	}
	if s.Priority != nil {
		in.Priority = *s.Priority
	}
	if r := s.Run; r != nil {
		in.Name = r.Name
		in.Command.Run = &remediation.Run{
			Name: r.Name, Type: r.Type, Content: r.Content, Timeout: r.Timeout.Duration,
			WorkingDir: r.WorkingDir, Username: r.Username, Parameters: r.Parameters,
		}
	} else {
		in.Name = s.Invoke.CommandID
		in.Command.Invoke = &remediation.Invoke{
			CommandID: s.Invoke.CommandID, Timeout: s.Invoke.Timeout.Duration,
			Username: s.Invoke.Username, Parameters: s.Invoke.Parameters,
		}
	}
	return in
}
