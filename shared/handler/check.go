package handler

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"aftercare/shared/command"
	"aftercare/shared/decide"
)

// Limits of a submission. Package command has those of its command.
const (
	maxTargets      = 1000
	maxDedupeKey    = 128 // bytes
	maxSubmitter    = 128 // characters
	maxPurpose      = 512 // characters
	defaultPriority = 5
	minExpiry       = time.Minute
	once            = "Once" // the only RepeatMode
)

// check adds the mistakes of the values that were read.
func (s submission) check(r *document, p decide.Policy) {
	instances := len(s.InstanceIDs)
	if s.Stop == nil && s.Resume == nil {
		s.checkInstances(r)
	}
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
	if s.RepeatMode != "" && s.RepeatMode != once {
		r.add("repeatMode", "must be Once: for every boot write a flow on first-heartbeat, for a schedule let a timer submit with a dedupeKey for each time")
	}
	s.checkWords(r)
	kinds := 0
	for name, there := range map[string]bool{
		"run": s.Run != nil, "invoke": s.Invoke != nil, "cancel": s.Cancel != nil, "stop": s.Stop != nil, "resume": s.Resume != nil,
	} {
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
		if s.Priority != nil || s.ExpiresIn != 0 || s.RepeatMode != "" || s.Labels != nil {
			r.add("cancel", "takes no priority, expiresIn, repeatMode and labels: remove them")
		}
	}
	for name, scope := range map[string]*scope{"stop": s.Stop, "resume": s.Resume} {
		if scope == nil {
			continue
		}
		scope.check(r, name)
		if instances > 0 || s.Priority != nil || s.ExpiresIn != 0 || s.RepeatMode != "" || s.Labels != nil {
			r.add(name, "takes only dedupeKey, submittedBy and reason beside it: remove the other fields")
		}
	}
	if s.Stop != nil && s.Reason == "" && !r.wrong["reason"] {
		r.add("reason", "is missing: say why, for those who find it stopped")
	}
	if kinds != 1 {
		r.add("", "needs exactly one of run, invoke, cancel, stop and resume")
	}
}

// checkWords checks the labels, and who submits and why.
func (s submission) checkWords(r *document) {
	if n := len(s.Labels); n > decide.MaxLabels {
		r.add("labels", "has %d labels, at most %d are allowed", n, decide.MaxLabels)
	} else if len(slices.Compact(slices.Sorted(slices.Values(s.Labels)))) < n {
		r.add("labels", "has a label twice: remove one")
	}
	if i := slices.IndexFunc(s.Labels, func(l string) bool { return !decide.ValidLabel(l) }); i >= 0 {
		r.add("labels", "is wrong at label %d: a label has 1 to 64 letters, digits and . _ : / = -", i+1)
	}
	for _, text := range []struct {
		key, value string
		most       int
	}{{"submittedBy", s.SubmittedBy, maxSubmitter}, {"reason", s.Reason, maxPurpose}} {
		if n := utf8.RuneCountInString(text.value); n > text.most {
			r.add(text.key, "has %d characters, at most %d are allowed", n, text.most)
		}
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
