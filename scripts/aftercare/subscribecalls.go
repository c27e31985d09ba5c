package main

import (
	"context"
	"fmt"
	"time"

	"aftercare/shared/setup"
)

// invoked is how a function was invoked within a day, by the newest lines of its
// request log.
type invoked struct {
	Function string `json:"function"`
	Sync     int    `json:"synchronously"`
	Async    int    `json:"asynchronously"`
}

// invocations reads how the functions that service events invoke were invoked. What
// the triggers' asyncInvocationType means is not clear from the vendor's pages.
// Source of the log's fields:
// https://help.aliyun.com/zh/sls/function-compute-3-0-log-field-details
func (c *connection) invocations(ctx context.Context) (all []invoked, err error) {
	now := time.Now()
	for _, r := range c.events.Site().Rules() {
		if !r.Trigger {
			continue
		}
		i := invoked{Function: r.Function}
		for kind, count := range map[string]*int{"Sync": &i.Sync, "Async": &i.Async} {
			var lines []setup.Line
			query := fmt.Sprintf("functionName: %q and invocationType: %q", r.Function, kind)
			if lines, _, err = c.logs.Lines(ctx, c.names.Project, c.names.Logstore, query, now.Add(-lookBack), now.Add(time.Minute)); err != nil {
				return nil, err
			}
			*count = len(lines)
		}
		all = append(all, i)
	}
	return all, nil
}

// String says how it was invoked, and what follows.
func (i invoked) String() string {
	how := ""
	switch {
	case i.Sync+i.Async == 0:
		return i.Function + " was not invoked within 24h, so the log does not say how it is"
	case i.Async == 0:
		how = "synchronously: EventBridge hears of each failure, tries again for a day, and keeps dead letters"
	case i.Sync == 0:
		how = "asynchronously: EventBridge only hears that the call was taken. Function Compute tries failures again, and gives them to " +
			"aftercare-dead-letters (asyncInvokeConfig in s.yaml)"
	default:
		how = fmt.Sprintf("both ways, synchronously %d times and asynchronously %d times within 24h: people may have invoked it, or the trigger was changed", i.Sync, i.Async)
	}
	return i.Function + " is invoked " + how
}
