package decide

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Many is a submission for several instances, which is kept with what became of it
// on each.
type Many struct {
	Kept
	Submission
	// At is when it was submitted. Until then is the time of the invocation that
	// began it: a sweep continues it only later.
	At, Until time.Time
	Targets   []Target
}

// Target is one instance of a submission. Its answer is nil until there is one.
type Target struct {
	InstanceID string  `json:"instanceId"`
	Answer     *Answer `json:"answer,omitempty"`
}

// Left are the instances without an answer.
func (m Many) Left() (ids []string) {
	for _, t := range m.Targets {
		if t.Answer == nil {
			ids = append(ids, t.InstanceID)
		}
	}
	return ids
}

// Answered is the submission with more answers. The first of an instance stands.
func (m Many) Answered(answers map[string]Answer) Many {
	m.Targets = slices.Clone(m.Targets)
	for i, t := range m.Targets {
		if a, there := answers[t.InstanceID]; there && t.Answer == nil {
			m.Targets[i].Answer = &a
		}
	}
	return m
}

// Again is a submission whose instances are all answered, as a later one with its
// key opens it again: for those that were refused.
func (m Many) Again(later Many) Many {
	m.At, m.Until, m.NotBefore, m.Targets = later.At, later.Until, later.NotBefore, slices.Clone(m.Targets)
	for i, t := range m.Targets {
		if t.Answer != nil && t.Answer.Outcome == Refused {
			m.Targets[i].Answer = nil
		}
	}
	return m
}

// Over reports whether its tasks would have expired by now.
func (m Many) Over(p Policy, now time.Time) bool {
	return !Later(m.NotBefore, m.At).Add(m.Spread + cmp.Or(m.ExpiresIn, p.TaskTTL)).After(now)
}

// Act is its record, once all answers are there.
func (m Many) Act() Act {
	counts := map[string]int{}
	for _, t := range m.Targets {
		if t.Answer != nil {
			counts[t.Answer.Outcome]++
		}
	}
	var outcome []string
	for _, o := range slices.Sorted(maps.Keys(counts)) {
		outcome = append(outcome, fmt.Sprint(o, " ", counts[o]))
	}
	return Act{
		Key: m.Key, Kind: ActSubmit, At: m.At, What: m.What() + " on " + counted(len(m.Targets), "instance"),
		Outcome: strings.Join(outcome, ", "), By: m.By, Reason: m.Reason,
	}
}

// unreached alerts that a submission ended before it reached all of its instances.
func (d *decision) unreached(in Unreached) (cause string) {
	key := Key("unreached", in.Key, in.At.Format(time.RFC3339Nano))
	d.once = inputKey(key)
	d.recordInput(key, "")
	what, do := "A command was to be submitted to", " Submit it again with the same dedupeKey to reach them."
	if in.Flow != "" {
		what = "A flow was to be started on"
	}
	if !in.Tick.IsZero() {
		what, do = "The schedule of a flow was to start it on", ""
	}
	d.alert(Alert{
		Kind: AlertTaskExpired, CommandName: in.Command.Name(), Flow: in.Flow, At: d.now,
		Summary: fmt.Sprintf("%s %d instances, and %d of them were not reached before it expired.%s", what, len(in.Targets), len(in.Left()), do),
	}, key)
	return d.once
}
