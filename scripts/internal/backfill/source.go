package backfill

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/subscription"
)

const (
	// sideBySide is how many calls are made at once to EventBridge, whose limit is not
	// documented.
	sideBySide = 4
	// maxFailures in a row show that a call is refused, and not for one event.
	maxFailures = 3
	// maxExplained bounds the events whose way is asked for.
	maxExplained = 50
)

// service is the source of the events of ECS, and prefix begins their types.
const service, prefix = "acs.ecs", "ecs:"

// askBus reads which events the bus received, and gets those that the ledger lacks.
func (g *search) askBus(ctx context.Context) error {
	var lacking []subscription.Traced
	for _, kind := range Kinds {
		err := g.Events.EachTraced(ctx, subscription.BusDefault, prefix+string(kind), g.From, g.Before, func(t subscription.Traced) error {
			if t.Source == service && !g.known[t.ID] {
				if len(lacking) == MaxMissing {
					return errFull
				}
				lacking = append(lacking, t)
			}
			return nil
		})
		if err != nil {
			return errors.Join(err, g.fetch(ctx, lacking))
		}
		g.covered[kind] = true
	}
	return g.fetch(ctx, lacking)
}

// fetch gets the content of events. What it cannot get of a kind is not covered.
func (g *search) fetch(ctx context.Context, lacking []subscription.Traced) error {
	var mu sync.Mutex
	var last, full error
	failures := 0
	one := func(t subscription.Traced) {
		mu.Lock()
		stop := failures >= maxFailures
		mu.Unlock()
		var parsed event.Event
		var content json.RawMessage
		err := ctx.Err()
		if !stop && err == nil {
			content, err = g.Events.Event(ctx, subscription.BusDefault, t.Source, t.ID)
		}
		if !stop && err == nil {
			parsed = event.Parse(content)[0]
			if m, ok := parsed.(event.Malformed); ok {
				err = fmt.Errorf("QueryEvent: the content of %s: %s", t.ID, m.Reason)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case stop:
		case err != nil:
			failures++
			last = err
		default:
			failures = 0
			if err := g.add(SourceBus, content, parsed); err != nil {
				full = err
			}
			return
		}
		kind := event.Kind(strings.TrimPrefix(t.Type, prefix))
		g.without[kind]++
		g.covered[kind] = false
	}
	work := make(chan subscription.Traced)
	var working sync.WaitGroup
	for range sideBySide {
		working.Go(func() {
			for t := range work {
				one(t)
			}
		})
	}
	for _, t := range lacking {
		work <- t
	}
	close(work)
	working.Wait()
	return errors.Join(last, full)
}

// explain asks EventBridge for the way of some of the missing events.
func (g *search) explain(ctx context.Context) {
	asked := 0
	for _, f := range g.found.Missing {
		if f.Source != SourceBus || asked == maxExplained {
			continue
		}
		traces, err := g.Events.Traces(ctx, subscription.BusDefault, f.ID)
		if err != nil {
			g.found.Unknown = append(g.found.Unknown, "why events were not delivered: "+err.Error())
			return
		}
		asked++
		f.Why = way(traces)
	}
}

// way says what became of an event at each rule, by its last delivery. The words for a
// status are the service's.
func way(traces []subscription.Trace) string {
	last := map[string]string{}
	for _, t := range traces {
		if t.NotifyStatus != "" {
			last[t.RuleName] = t.NotifyStatus
		}
	}
	var ways []string
	for _, rule := range slices.Sorted(maps.Keys(last)) {
		ways = append(ways, rule+": "+last[rule])
	}
	return cmp.Or(strings.Join(ways, ", "), "EventBridge delivered it nowhere")
}

// askCloudMonitor reads the system events, and gives them CloudMonitor's form, with an
// id that is derived from what they say: the service lists none.
func (g *search) askCloudMonitor(ctx context.Context) error {
	for _, kind := range Kinds {
		err := g.CloudMonitor.EachSystemEvent(ctx, string(kind), g.From, g.Before, func(e subscription.SystemEvent) error {
			payload, err := json.Marshal(map[string]any{
				"ver": "1.0", "id": derived(e.Name, e.ResourceID, strconv.FormatInt(e.Time.UnixMilli(), 10), string(e.Content)),
				"product": "ECS", "name": e.Name, "resourceId": e.ResourceID, "regionId": g.Region, "userId": g.Account,
				"eventTime": e.Time.Format("20060102T150405.000-0700"), "content": e.Content,
			})
			if err != nil {
				return err
			}
			return g.add(SourceCloudMonitor, payload, event.Parse(payload)[0])
		})
		if err != nil {
			return err
		}
		g.covered[kind] = true
	}
	return nil
}

// Origin is the source of the events that are made of Cloud Assistant's answers, so
// that records show it. They have an envelope: Cloud Assistant was asked just now.
const Origin = "aftercare.backfill"

// askAssistant reads the ends of commands.
func (g *search) askAssistant(ctx context.Context) error {
	var full error
	repeated, err := g.Assistant.Ends(ctx, g.From, g.Before, func(e event.TaskCompleted) {
		payload, err := json.Marshal(g.cloudEvent(e))
		if err == nil && full == nil {
			full = g.add(SourceAssistant, payload, event.Parse(payload)[0])
		}
	})
	if repeated > 0 && !g.covered[event.KindTaskCompleted] {
		g.found.Unknown = append(g.found.Unknown, fmt.Sprintf("the earlier runs of repeated commands (%d), of which Cloud Assistant lists the last", repeated))
	}
	if err = errors.Join(err, full); err == nil {
		g.covered[event.KindTaskCompleted] = true
	}
	return err
}

// cloudEvent is an end in the form in which EventBridge delivers it.
func (g *search) cloudEvent(e event.TaskCompleted) map[string]any {
	data := map[string]any{
		"instanceId": e.InstanceID, "invokeId": e.InvokeID, "commandId": e.CommandID, "commandName": e.CommandName,
		"invocationStatus": e.Status, "errorCode": e.ErrorCode, "errorDesc": e.ErrorDesc,
		"repeatMode": e.RepeatMode, "repeats": e.Repeats,
	}
	for name, t := range map[string]time.Time{"startTime": e.StartTime, "finishTime": e.FinishTime} {
		if !t.IsZero() {
			data[name] = t
		}
	}
	if e.ExitCode != nil {
		data["exitCode"] = *e.ExitCode
	}
	out := map[string]any{
		"specversion": "1.0", "id": derived(e.Key()), "source": Origin, "type": prefix + string(event.KindTaskCompleted),
		"aliyunaccountid": g.Account, "aliyunregionid": g.Region, "data": data,
	}
	if !e.Time.IsZero() {
		out["time"] = e.Time
	}
	return out
}

// derived is an id that the same texts always give.
func derived(parts ...string) string { return "backfill-" + decide.Key(parts...) }
