package handler

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/mask"
)

// submission is the payload of submit-task. Exactly one of Run, Invoke, Flow, Cancel,
// Retry, Stop and Resume is set. scripts/README.md describes it for those who submit.
type submission struct {
	// DedupeKey, 1 to 128 bytes, makes a repeated submission a duplicate.
	// Without it, only repeated deliveries of the same request are duplicates.
	// It is required for more than one instance.
	DedupeKey   *string  `json:"dedupeKey,omitempty"`
	InstanceID  string   `json:"instanceId,omitempty"`
	InstanceIDs []string `json:"instanceIds"`
	// Select finds the instances, in place of their ids.
	Select *selector `json:"select,omitempty"`
	// Priority is 0 to 9; 9 is released first, 5 is the default.
	Priority *int `json:"priority"`
	// NotBefore is when the task may be released, Spread shifts that for each
	// instance.
	NotBefore time.Time        `json:"notBefore,omitzero"`
	Spread    command.Duration `json:"spread,omitempty"`
	// ExpiresIn is how long the task may wait from then on.
	ExpiresIn command.Duration `json:"expiresIn,omitempty"`
	// BootDeadline, OnBootDeadline and WhenNotBootable say what becomes of it if
	// its instance is not bootable.
	BootDeadline    command.Duration       `json:"bootDeadline,omitempty"`
	OnBootDeadline  decide.OnBootDeadline  `json:"onBootDeadline,omitempty"`
	WhenNotBootable decide.WhenNotBootable `json:"whenNotBootable,omitempty"`
	// RepeatMode can only be Once.
	RepeatMode string   `json:"repeatMode,omitempty"`
	Labels     []string `json:"labels,omitempty"`
	// SubmittedBy and Reason say who submits it, and why. They do not identify
	// it: a colleague may repeat a submission.
	SubmittedBy string          `json:"submittedBy,omitempty"`
	Reason      string          `json:"reason,omitempty"`
	Run         *command.Run    `json:"run,omitempty"`
	Invoke      *command.Invoke `json:"invoke,omitempty"`
	// Flow is the flow to start, Inputs are what it is given.
	Flow   *string           `json:"flow,omitempty"`
	Inputs map[string]string `json:"inputs,omitempty"`
	Cancel *cancel           `json:"cancel,omitempty"`
	Retry  *retry            `json:"retry,omitempty"`
	Stop   *scope            `json:"stop,omitempty"`
	Resume *scope            `json:"resume,omitempty"`
}

// cancel says which tasks of one instance end. Exactly one of its keys is set.
type cancel struct {
	TaskID string `json:"taskId,omitempty"`
	// DedupeKey is a submission's.
	DedupeKey string `json:"dedupeKey,omitempty"`
	Label     string `json:"label,omitempty"`
	// Run is a flow run's id.
	Run string `json:"run,omitempty"`
	// All: all that wait.
	All bool `json:"all,omitempty"`
}

// retry says which flow run of one instance is run again.
type retry struct {
	// Run is its id.
	Run string `json:"run,omitempty"`
}

// selector says which instances are meant: those that fit all that it has.
type selector struct {
	Tags map[string]string `json:"tags,omitempty"`
	// Name may have * for any text.
	Name          string `json:"name,omitempty"`
	ResourceGroup string `json:"resourceGroup,omitempty"`
}

// parseSubmission reads a payload of submit-task. The error lists every mistake,
// one on each line, and quotes no value.
func parseSubmission(payload []byte, p decide.Policy, now time.Time) (s submission, err error) {
	read, err := readDocument(payload, &s)
	if err != nil {
		return s, fmt.Errorf("the payload is not a submission: %w", err)
	}
	if s.InstanceID != "" {
		s.InstanceIDs, s.InstanceID = append(s.InstanceIDs, s.InstanceID), ""
	}
	s.check(read, p, now)
	if len(read.mistakes) > 0 {
		return s, errors.New(strings.Join(read.mistakes, "\n"))
	}
	if s.Priority == nil {
		s.Priority = new(int)
		*s.Priority = defaultPriority
	}
	return s, nil
}

// hash identifies the parsed submission: the order of its keys, instances and
// labels, white space, and a default that is written do not count.
func (s submission) hash() string {
	s.InstanceIDs, s.Labels = slices.Sorted(slices.Values(s.InstanceIDs)), slices.Sorted(slices.Values(s.Labels))
	s.RepeatMode, s.SubmittedBy, s.Reason = "", "", ""
	s.NotBefore = s.NotBefore.UTC()
	if s.BootDeadline > 0 {
		s.OnBootDeadline = cmp.Or(s.OnBootDeadline, decide.AlertAtDeadline)
	}
	if s.WhenNotBootable == decide.WaitUnbooted {
		s.WhenNotBootable = ""
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // texts and numbers can be written
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// keyed is the key of a submission with this dedupeKey.
func keyed(dedupeKey string) string { return decide.Key("submission", "dedupeKey", dedupeKey) }

// keys identify the submission, and what the caller named it.
func (s submission) keys(requestID string) (key, dedupeKey string) {
	if s.DedupeKey != nil {
		return keyed(*s.DedupeKey), *s.DedupeKey
	}
	return decide.Key("submission", "request", requestID), ""
}

// masked returns the submission without secrets in what people will read. Its hash
// is that of what was submitted.
func (s submission) masked(m mask.Mask) submission {
	s.SubmittedBy, s.Reason = m.Text(s.SubmittedBy), m.Text(s.Reason)
	if s.Run != nil {
		run := *s.Run
		run.Name = m.Text(run.Name)
		s.Run = &run
	}
	return s
}

func (s submission) input(requestID string, m mask.Mask) decide.Input {
	key, dedupeKey := s.keys(requestID)
	hash := s.hash()
	dedupeKey = m.Text(dedupeKey)
	s = s.masked(m)
	if c := s.Cancel; c != nil {
		if c.DedupeKey != "" {
			c.TaskID = decide.TaskID(keyed(c.DedupeKey), s.InstanceIDs[0])
		}
		return decide.Cancel{
			Key: key, DedupeKey: dedupeKey, Hash: hash, TaskID: c.TaskID, Label: c.Label, RunID: c.Run, All: c.All,
			By: s.SubmittedBy, Reason: s.Reason,
		}
	}
	if s.Retry != nil {
		return decide.Retry{Key: key, DedupeKey: dedupeKey, Hash: hash, RunID: s.Retry.Run, By: s.SubmittedBy, Reason: s.Reason}
	}
	if s.Flow != nil {
		return decide.Submission{Key: key, DedupeKey: dedupeKey, By: s.SubmittedBy, Reason: s.Reason, Flow: *s.Flow, Inputs: s.Inputs, Hash: hash}
	}
	return decide.Submission{
		Key: key, DedupeKey: dedupeKey, Priority: *s.Priority, Labels: s.Labels, NotBefore: s.NotBefore.UTC(), Spread: s.Spread.D(), ExpiresIn: s.ExpiresIn.D(),
		BootDeadline: s.BootDeadline.D(), OnBootDeadline: s.OnBootDeadline, WhenNotBootable: s.WhenNotBootable,
		By: s.SubmittedBy, Reason: s.Reason, Command: command.Command{Run: s.Run, Invoke: s.Invoke}, Hash: hash,
	}
}
