package backtest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"aftercare/shared/decide"
)

// Difference is an event that would start a flow of one file and not that of the
// other.
type Difference struct {
	// Sign is + if only the new file's flow would start, - if only the old one's.
	Sign       string    `json:"sign"`
	Flow       string    `json:"flow"`
	InstanceID string    `json:"instanceId"`
	At         time.Time `json:"at"`
	// Command is the command that ended, or "a boot". Assumed: it would be sent by
	// another flow, and is not in the history.
	Command  string `json:"command"`
	InvokeID string `json:"invokeId,omitempty"`
	EventID  string `json:"eventId,omitempty"`
	Assumed  bool   `json:"assumed,omitempty"`
	// New and Old say what becomes of the flow, and why.
	New string `json:"new"`
	Old string `json:"old"`
}

// maxDifferences is how many differences are kept; more are only counted.
const maxDifferences = 10_000

// Comparison plays two files side by side.
type Comparison struct {
	New, Old *World // Old is nil if there is nothing to compare with
	open     map[which]Difference
	// More counts the differences that are not kept.
	More int
}

// Play plays what happened.
func (c *Comparison) Play(ctx context.Context, h Happening) error {
	return c.each(func(w *World) error { return w.Play(ctx, h) })
}

// Until plays what is due before a time.
func (c *Comparison) Until(ctx context.Context, t time.Time) error {
	return c.each(func(w *World) error { return w.Until(ctx, t) })
}

func (c *Comparison) each(play func(*World) error) error {
	if err := play(c.New); err != nil {
		return err
	}
	if c.Old == nil {
		c.New.choices = nil
		return nil
	}
	if err := play(c.Old); err != nil {
		return err
	}
	is, was := c.New.taken(), c.Old.taken()
	for key, n := range is {
		c.differ(key, n, was[key])
	}
	for key, o := range was {
		if _, both := is[key]; !both {
			c.differ(key, choice{}, o)
		}
	}
	return nil
}

// which identifies a choice in both worlds.
type which struct{ flow, instanceID, key string }

// taken are the choices since they were taken last.
func (w *World) taken() map[which]choice {
	taken := map[which]choice{}
	for _, c := range w.choices {
		taken[which{c.Flow, c.InstanceID, c.key}] = c
	}
	w.choices = nil
	return taken
}

// differ notes a difference, or that one was only of time.
func (c *Comparison) differ(key which, is, was choice) {
	if is.starts() == was.starts() {
		return
	}
	sign, of := "+", is
	if was.starts() {
		sign, of = "-", was
	}
	if other, there := c.open[key]; there && other.Sign != sign {
		delete(c.open, key)
		return
	}
	if c.open == nil {
		c.open = map[which]Difference{}
	}
	if len(c.open) >= maxDifferences {
		c.More++
		return
	}
	c.open[key] = Difference{
		Sign: sign, Flow: of.Flow, InstanceID: of.InstanceID, At: of.At, Command: of.Command, InvokeID: of.InvokeID, EventID: of.EventID, Assumed: of.Assumed,
		New: is.words(c.New), Old: was.words(c.Old),
	}
}

// words say what becomes of the flow.
func (c choice) words(w *World) string {
	switch {
	case c.What == "":
		return string(decide.FlowNotStarted)
	case c.Why == "":
		return string(c.What)
	}
	return string(c.What) + ": " + c.Why
}

// Differences are in the order of their times.
func (c *Comparison) Differences() []Difference {
	list := []Difference{}
	for _, d := range c.open {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b Difference) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.InstanceID, b.InstanceID), cmp.Compare(a.Flow, b.Flow), cmp.Compare(a.InvokeID, b.InvokeID))
	})
	return list
}
