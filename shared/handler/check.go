package handler

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"aftercare/shared/command"
	"aftercare/shared/decide"
	"aftercare/shared/flow"
)

// Limits of a submission. Package command has those of its command.
const (
	maxTargets      = 1000
	maxTags         = 20  // of a selector
	maxSelected     = 128 // characters of a selector's texts
	maxDedupeKey    = 128 // bytes
	maxSubmitter    = 128 // characters
	maxPurpose      = 512 // characters
	defaultPriority = 5
	minSpread       = time.Minute
	maxSpread       = 24 * time.Hour
	once            = "Once" // the only RepeatMode
)

// check adds the mistakes of the values that were read.
func (s submission) check(r *document, p decide.Policy, now time.Time) {
	instances := len(s.InstanceIDs)
	if s.Stop == nil && s.Resume == nil {
		s.checkInstances(r)
	}
	switch {
	case s.DedupeKey != nil && *s.DedupeKey == "" && !r.wrong["dedupeKey"]:
		r.add("dedupeKey", "is empty: write a key, or leave it out")
	case s.DedupeKey != nil && len(*s.DedupeKey) > maxDedupeKey:
		r.add("dedupeKey", "has %d bytes, at most %d are allowed", len(*s.DedupeKey), maxDedupeKey)
	case (instances > 1 || s.Select != nil) && s.DedupeKey == nil && !r.wrong["dedupeKey"]:
		r.add("dedupeKey", "is missing: with more than one instance it is needed, so that a repeated submission does nothing twice")
	}
	if s.Priority != nil && !r.wrong["priority"] && (*s.Priority < 0 || *s.Priority > 9) {
		r.add("priority", "must be 0 to 9")
	}
	s.checkTimes(r, p, now)
	s.checkBoot(r, p)
	if s.RepeatMode != "" && s.RepeatMode != once {
		r.add("repeatMode", "must be Once: for every boot write a flow on first-heartbeat, for a schedule one on schedule")
	}
	s.checkWords(r)
	kinds := 0
	for name, there := range map[string]bool{
		"run": s.Run != nil, "invoke": s.Invoke != nil, "flow": s.Flow != nil, "cancel": s.Cancel != nil, "retry": s.Retry != nil, "stop": s.Stop != nil, "resume": s.Resume != nil,
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
		s.Cancel.check(r)
	}
	if s.Retry != nil && !r.wrong["retry.run"] && !isHash(s.Retry.Run) {
		r.add("retry.run", "must be the 32 hex digits of a flow run")
	}
	// Whether there is such a flow, and what its inputs must be, is decided for each
	// instance, with a refusal: it may be deployed later.
	if s.Flow == nil && s.Inputs != nil {
		r.add("inputs", "are only for a flow: remove them")
	} else if s.Flow != nil && !r.wrong["flow"] && !flow.ValidName(*s.Flow) {
		r.add("flow", "must be a flow's name, 1 to 63 of a-z, 0-9 and -")
	}
	for name, there := range map[string]bool{"cancel": s.Cancel != nil, "retry": s.Retry != nil, "flow": s.Flow != nil} {
		if there && instances != 1 && name != "flow" {
			r.add(name, "needs exactly one instance")
		}
		if there && s.forCommand() {
			r.add(name, "takes none of the keys that describe a command's wait: remove them")
		}
	}
	for name, scope := range map[string]*scope{"stop": s.Stop, "resume": s.Resume} {
		if scope == nil {
			continue
		}
		scope.check(r, name)
		if instances > 0 || s.Select != nil || s.forCommand() {
			r.add(name, "takes only dedupeKey, submittedBy and reason beside it: remove the other fields")
		}
	}
	if s.Stop != nil && s.Reason == "" && !r.wrong["reason"] {
		r.add("reason", "is missing: say why, for those who find it stopped")
	}
	if kinds != 1 {
		r.add("", "needs exactly one of run, invoke, flow, cancel, retry, stop and resume")
	}
}

// forCommand reports whether it has a key that describes a command's wait.
func (s submission) forCommand() bool {
	return s.Priority != nil || s.RepeatMode != "" || s.Labels != nil || !s.NotBefore.IsZero() ||
		s.Spread != 0 || s.ExpiresIn != 0 || s.BootDeadline != 0 || s.OnBootDeadline != "" || s.WhenNotBootable != ""
}

// checkTimes checks from when on a task may be released, and until when.
func (s submission) checkTimes(r *document, p decide.Policy, now time.Time) {
	most := p.TableTTL / 2
	if d := s.ExpiresIn.D(); d != 0 && (d < p.Minute || d > most) {
		r.add("expiresIn", "must be from %s to %s", command.Duration(p.Minute), command.Duration(most))
		return
	}
	if d := s.Spread.D(); d != 0 && (d < minSpread || d > maxSpread) {
		r.add("spread", "must be from %s to %s", command.Duration(minSpread), command.Duration(maxSpread))
	}
	// A time that is over is no mistake: the submission may be a repeated one.
	from := decide.Later(s.NotBefore, now).Add(s.Spread.D())
	if wait := s.expiry(p); from.After(now) && from.Add(wait).After(now.Add(most)) {
		r.add("notBefore", "is too late: with spread and expiresIn, the command would expire more than %s from now", command.Duration(most))
	}
}

// expiry is how long the task may wait.
func (s submission) expiry(p decide.Policy) time.Duration { return cmp.Or(s.ExpiresIn.D(), p.TaskTTL) }

// checkBoot checks what becomes of a task whose instance is not bootable.
func (s submission) checkBoot(r *document, p decide.Policy) {
	if d := s.BootDeadline.D(); d != 0 && (d < p.Minute || d >= s.expiry(p)) {
		r.add("bootDeadline", "must be at least %s, and shorter than expiresIn", command.Duration(p.Minute))
	}
	oneOf(r, "onBootDeadline", s.OnBootDeadline, decide.AlertAtDeadline, decide.DropAtDeadline, decide.RunAtDeadline)
	oneOf(r, "whenNotBootable", s.WhenNotBootable, decide.WaitUnbooted, decide.FailUnbooted, decide.RunUnbooted)
	switch waits := cmp.Or(s.WhenNotBootable, decide.WaitUnbooted) == decide.WaitUnbooted; {
	case s.OnBootDeadline != "" && s.BootDeadline == 0 && !r.wrong["bootDeadline"]:
		r.add("onBootDeadline", "needs a bootDeadline")
	case s.BootDeadline != 0 && !waits:
		r.add("bootDeadline", "is for a command that waits for its instance: leave out whenNotBootable")
	case s.WhenNotBootable == decide.FailUnbooted && (!s.NotBefore.IsZero() || s.Spread != 0):
		r.add("whenNotBootable", "cannot be fail with a notBefore or a spread: write a bootDeadline and onBootDeadline drop")
	}
}

// oneOf adds a mistake if a word is none of those that a key can have.
func oneOf[T ~string](r *document, key string, word T, words ...T) {
	if word != "" && !slices.Contains(words, word) {
		r.add(key, "must be %s, %s or %s", words[0], words[1], words[2])
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
	r.atMost("submittedBy", s.SubmittedBy, maxSubmitter)
	r.atMost("reason", s.Reason, maxPurpose)
}

// atMost adds a mistake if a text has more characters than are allowed.
func (r *document) atMost(key, value string, most int) {
	if n := utf8.RuneCountInString(value); n > most {
		r.add(key, "has %d characters, at most %d are allowed", n, most)
	}
}

// check adds the mistakes of a cancel.
func (c cancel) check(r *document) {
	given := 0
	for key, there := range map[string]bool{
		"taskId": c.TaskID != "", "dedupeKey": c.DedupeKey != "", "label": c.Label != "", "run": c.Run != "", "all": c.All,
	} {
		if there || r.wrong["cancel."+key] {
			given++
		}
	}
	if given != 1 {
		r.add("cancel", "needs exactly one of taskId, dedupeKey, label, run and all")
	}
	if c.TaskID != "" && !isHash(c.TaskID) {
		r.add("cancel.taskId", "must be the 32 hex digits that a submission answered")
	}
	if c.Run != "" && !isHash(c.Run) {
		r.add("cancel.run", "must be the 32 hex digits of a flow run")
	}
	if len(c.DedupeKey) > maxDedupeKey {
		r.add("cancel.dedupeKey", "has %d bytes, at most %d are allowed", len(c.DedupeKey), maxDedupeKey)
	}
	if c.Label != "" && !decide.ValidLabel(c.Label) {
		r.add("cancel.label", "must have 1 to 64 letters, digits and . _ : / = -")
	}
}

// isHash reports whether s is valid as the id of a task or of a flow run.
func isHash(s string) bool { return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == "" }

// command adds a command's mistakes, except those of fields that were not read.
func (r *document) command(path string, mistakes []command.Mistake) {
	for _, m := range mistakes {
		field, _, _ := strings.Cut(m.Field, ".")
		if !r.wrong[path+"."+field] {
			r.mistakes = append(r.mistakes, path+"."+m.String())
		}
	}
}

// check adds the mistakes of a selector.
func (s selector) check(r *document) {
	switch _, keyless := s.Tags[""]; {
	case s.Tags == nil && s.Name == "" && s.ResourceGroup == "" && !r.wrong["select.tags"] && !r.wrong["select.name"] && !r.wrong["select.resourceGroup"]:
		r.add("select", "needs tags, name or resourceGroup")
	case s.Tags != nil && len(s.Tags) == 0:
		r.add("select.tags", "is empty: write a tag, or leave it out")
	case len(s.Tags) > maxTags:
		r.add("select.tags", "has %d tags, at most %d are allowed", len(s.Tags), maxTags)
	case keyless:
		r.add("select.tags", "has a tag without a key")
	}
	long := func(text string) bool { return utf8.RuneCountInString(text) > maxSelected }
	for key, value := range s.Tags {
		if long(key) || long(value) {
			r.add("select.tags", "has a key or a value of more than %d characters", maxSelected)
			break
		}
	}
	r.atMost("select.name", s.Name, maxSelected)
	r.atMost("select.resourceGroup", s.ResourceGroup, maxSelected)
}

func (s submission) checkInstances(r *document) {
	switch n := len(s.InstanceIDs); {
	case r.wrong["instanceId"] || r.wrong["instanceIds"] || r.wrong["select"]:
		return
	case s.Select != nil && n > 0:
		r.add("select", "stands in place of instanceId and instanceIds: remove either")
	case s.Select != nil:
		s.Select.check(r)
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
