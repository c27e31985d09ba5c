package handler

import (
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
	"aftercare/shared/engine"
)

// submission is the payload of submit-task. Exactly one of Run, Invoke and
// Cancel is set. scripts/README.md describes it for those who submit.
type submission struct {
	// DedupeKey, 1 to 128 bytes, makes a repeated submission a duplicate.
	// Without it, only repeated deliveries of the same request are duplicates.
	// It is required for more than one instance.
	DedupeKey   *string  `json:"dedupeKey,omitempty"`
	InstanceID  string   `json:"instanceId,omitempty"`
	InstanceIDs []string `json:"instanceIds"`
	// Priority is 0 to 9; 9 is released first, 5 is the default.
	Priority *int `json:"priority"`
	// ExpiresIn is how long the task may wait.
	ExpiresIn command.Duration `json:"expiresIn,omitempty"`
	Run       *command.Run     `json:"run,omitempty"`
	Invoke    *command.Invoke  `json:"invoke,omitempty"`
	Cancel    *cancel          `json:"cancel,omitempty"`
}

type cancel struct {
	TaskID string `json:"taskId"`
}

// Limits of a submission. Package command has those of its command.
const (
	maxTargets      = 100
	maxDedupeKey    = 128 // bytes
	defaultPriority = 5
	minExpiry       = time.Minute
)

// parseSubmission reads a payload of submit-task. The error lists every mistake,
// one on each line, and quotes no value.
func parseSubmission(payload []byte, requestID string, p decide.Policy) ([]engine.Part, error) {
	var s submission
	read, err := readDocument(payload, &s)
	if err != nil {
		return nil, fmt.Errorf("the payload is not a submission: %w", err)
	}
	if s.InstanceID != "" {
		s.InstanceIDs, s.InstanceID = append(s.InstanceIDs, s.InstanceID), ""
	}
	s.check(read, p)
	if len(read.mistakes) > 0 {
		return nil, errors.New(strings.Join(read.mistakes, "\n"))
	}
	if s.Priority == nil {
		s.Priority = new(int)
		*s.Priority = defaultPriority
	}
	var targets []engine.Part
	for _, id := range s.InstanceIDs {
		targets = append(targets, engine.Part{InstanceID: id, Inputs: []decide.Input{s.input(requestID)}})
	}
	return targets, nil
}

// hash identifies the parsed submission: the order of its keys and instances,
// white space, and a default that is written do not count.
func (s submission) hash() string {
	s.InstanceIDs = slices.Sorted(slices.Values(s.InstanceIDs))
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // texts and numbers can be written
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func (s submission) input(requestID string) decide.Input {
	key, dedupeKey := decide.Key("submission", "request", requestID), ""
	if s.DedupeKey != nil {
		dedupeKey = *s.DedupeKey
		key = decide.Key("submission", "dedupeKey", dedupeKey)
	}
	if s.Cancel != nil {
		return decide.Cancel{Key: key, DedupeKey: dedupeKey, TaskID: s.Cancel.TaskID, Hash: s.hash()}
	}
	return decide.Submission{
		Key: key, DedupeKey: dedupeKey, Priority: *s.Priority, ExpiresIn: s.ExpiresIn.D(),
		Command: command.Command{Run: s.Run, Invoke: s.Invoke}, Hash: s.hash(),
	}
}

// check adds the mistakes of the values that were read.
func (s submission) check(r *document, p decide.Policy) {
	instances := len(s.InstanceIDs)
	s.checkInstances(r)
	switch {
	case s.DedupeKey != nil && *s.DedupeKey == "" && !r.wrong["dedupeKey"]:
		r.add("dedupeKey", "is empty: write a key, or leave it out")
	case s.DedupeKey != nil && len(*s.DedupeKey) > maxDedupeKey:
		r.add("dedupeKey", "has %d bytes, at most %d are allowed", len(*s.DedupeKey), maxDedupeKey)
	case instances > 1 && s.DedupeKey == nil && !r.wrong["dedupeKey"]:
		r.add("dedupeKey", "is missing: with more than one instance it is needed, so that a repeated submission does nothing twice")
	}
	if s.Priority != nil && !r.wrong["priority"] && (*s.Priority < 0 || *s.Priority > 9) {
		r.add("priority", "must be 0 to 9")
	}
	if d, most := s.ExpiresIn.D(), p.TableTTL/2; d != 0 && (d < minExpiry || d > most) {
		r.add("expiresIn", "must be from %s to %s", command.Duration(minExpiry), command.Duration(most))
	}
	kinds := 0
	for name, there := range map[string]bool{"run": s.Run != nil, "invoke": s.Invoke != nil, "cancel": s.Cancel != nil} {
		if there || r.wrong[name] {
			kinds++
		}
	}
	if s.Run != nil {
		r.command("run", s.Run.Check())
	}
	if s.Invoke != nil {
		r.command("invoke", s.Invoke.Check())
	}
	if s.Cancel != nil {
		if id := s.Cancel.TaskID; !r.wrong["cancel.taskId"] && (len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "") {
			r.add("cancel.taskId", "must be the 32 hex digits that a submission answered")
		}
		if instances != 1 {
			r.add("cancel", "needs exactly one instance")
		}
		if s.Priority != nil || s.ExpiresIn != 0 {
			r.add("cancel", "takes no priority and no expiresIn: remove them")
		}
	}
	if kinds != 1 {
		r.add("", "needs exactly one of run, invoke and cancel")
	}
}

// command adds a command's mistakes, except those of fields that were not read.
func (r *document) command(path string, mistakes []command.Mistake) {
	for _, m := range mistakes {
		field, _, _ := strings.Cut(m.Field, ".")
		if !r.wrong[path+"."+field] {
			r.mistakes = append(r.mistakes, path+"."+m.String())
		}
	}
}

func (s submission) checkInstances(r *document) {
	switch n := len(s.InstanceIDs); {
	case r.wrong["instanceId"] || r.wrong["instanceIds"]:
		return
	case n == 0:
		r.add("instanceId", "is missing")
		return
	case n > maxTargets:
		r.add("instanceIds", "has %d instances, at most %d are allowed", n, maxTargets)
		return
	case len(slices.Compact(slices.Sorted(slices.Values(s.InstanceIDs)))) < n:
		r.add("instanceIds", "names an instance twice: remove one")
	}
	for i, id := range s.InstanceIDs {
		if !isID(id) {
			r.add("instanceIds", "is wrong at instance %d: an id has 1 to 128 printable ASCII characters, without space and slash", i+1)
		}
	}
}

// isID reports whether s is valid as an instance's id. One that begins with ~
// stands for something else (decide.SweepID).
func isID(s string) bool {
	return s != "" && len(s) <= 128 && s[0] != '~' && !strings.ContainsFunc(s, func(r rune) bool { return r < '!' || r > '~' || r == '/' })
}
