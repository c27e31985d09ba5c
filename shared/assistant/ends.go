package assistant

import (
	"context"
	"time"

	"aftercare/shared/event"
)

// longest is how long after its creation an invocation that runs once at once may
// end: a day is the longest timeout, and the rest is for the agent to be reached.
// Source: https://www.alibabacloud.com/help/en/ecs/developer-reference/api-ecs-2014-05-26-runcommand
const longest = 25 * time.Hour

// lasting are the modes of repetition whose invocations may end long after their
// creation.
var lasting = []string{"Period", "NextRebootOnly", "EveryReboot"}

// Ends hands each the ends of commands between two times, of all instances of the
// region and whoever sent them. One end may come twice, and one without a time of its
// end counts if its command was sent in that time. After an error the ends are those
// of a part of the list. Repeated counts the commands that are to run again: the
// service lists none of their earlier ends here.
//
// The service promises no order. If the list turns out to begin with the newest
// command, Ends stops reading where no later one can have ended in that time.
func (c *Client) Ends(ctx context.Context, from, to time.Time, each func(event.TaskCompleted)) (repeated int, err error) {
	var order order
	read := func(i *invocation) {
		created := i.CreationTime.time()
		if i.repeats() {
			repeated++
		}
		for _, at := range i.InvokeInstances.InvokeInstance {
			inv := i.on(string(at.InstanceID))
			when := inv.FinishTime
			if when.IsZero() {
				when = created
			}
			if inv.Ended() && !when.Before(from) && when.Before(to) {
				each(inv.TaskCompleted(string(at.InstanceID)))
			}
		}
	}
	stopped := false
	err = c.invocations(ctx, map[string]string{}, func(i *invocation) (enough bool) {
		created := i.CreationTime.time()
		order.add(created)
		if order.newestFirst() && created.Before(from.Add(-longest)) {
			stopped, repeated = true, 0
			return true
		}
		read(i)
		return false
	})
	if err != nil || !stopped {
		return repeated, err
	}
	for _, mode := range lasting {
		err := c.invocations(ctx, map[string]string{"RepeatMode": mode}, func(i *invocation) bool {
			read(i)
			return false
		})
		if err != nil {
			return repeated, err
		}
	}
	return repeated, nil
}

// repeats reports whether the command is to run again on an instance.
func (i *invocation) repeats() bool {
	for _, at := range i.InvokeInstances.InvokeInstance {
		if at.InvocationStatus == "Scheduled" && (i.RepeatMode == "Period" || i.RepeatMode == "EveryReboot") {
			return true
		}
	}
	return false
}

// order is what is known of the order of a list.
type order struct {
	last      time.Time
	fell, not bool
}

// add notes the time of the next item of the list.
func (o *order) add(t time.Time) {
	o.fell = o.fell || t.Before(o.last)
	o.not = o.not || t.IsZero() || !o.last.IsZero() && t.After(o.last)
	o.last = t
}

func (o *order) newestFirst() bool { return o.fell && !o.not }
