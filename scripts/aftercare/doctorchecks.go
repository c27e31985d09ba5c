package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"aftercare/shared/decide"
	"aftercare/shared/engine"
	"aftercare/shared/handler"
	"aftercare/shared/invoke"
	"aftercare/shared/ledger"
	"aftercare/shared/openapi"
	"aftercare/shared/routing"
)

// listsFound reads one row of each list and table that the commands read.
func listsFound(ctx context.Context, l *ledger.Ledger) []finding {
	now := time.Now()
	for _, read := range []func() error{
		func() error {
			return l.Fleet(ctx, func(string, ledger.Summary) error { return errEnough })
		},
		func() error {
			q := ledger.Query{From: now.Add(-time.Hour), Before: now}
			return l.History(ctx, q, func(ledger.Entry) error { return errEnough })
		},
		func() error { _, _, err := l.Recent(ctx, nobody, now.Add(-time.Hour), 1); return err },
		func() error { _, err := l.Whole(ctx, nobody); return err },
		func() error { _, err := l.Control(ctx); return err },
		func() error { return l.EachSilence(ctx, false, func(routing.Silence) error { return errEnough }) },
		func() error { return l.EachQuarantined(ctx, func(ledger.Quarantined) error { return errEnough }) },
	} {
		if err := read(); err != nil && !errors.Is(err, errEnough) {
			return broken(err)
		}
	}
	return []finding{well("your key may read all of them")}
}

// Ids that nothing has.
const (
	nobody       = "i-aftercaredoctor"
	noInvocation = "t-aftercaredoctor"
	noFlow       = "no-such-flow-asks-the-doctor"
)

// functionFound asks the function for what it refuses and stores nowhere.
func functionFound(ctx context.Context, c *connection, lacks error) []finding {
	if lacks != nil {
		return []finding{wrong(lacks.Error(), "Without it, submit, cancel and stop cannot work from here.")}
	}
	document, err := json.Marshal(map[string]any{"resume": map[string]string{"flow": noFlow}, "submittedBy": "aftercare doctor"})
	if err != nil {
		return broken(err)
	}
	answer, err := c.functions.Invoke(ctx, submitFunction, document)
	var out handler.Outcome
	var failed *invoke.FunctionError
	var refused *openapi.Error
	switch {
	case errors.As(err, &failed):
		return []finding{wrong(err.Error(), "Search its log for the request id; its settings and its role's policy are the usual causes.")}
	case errors.As(err, &refused) && refused.Code == "FunctionNotFound":
		return []finding{wrong("the function "+submitFunction+" is not deployed", "Deploy it ('s deploy'), or correct "+variableAccount+" and "+variableRegion+".")}
	case err != nil:
		return broken(err)
	case json.Unmarshal(answer, &out) != nil || len(out.Items) != 1 || out.Items[0].Result != handler.ResultRefused:
		return []finding{wrong(submitFunction+" gave an answer that this tool does not understand", "Use the tool and the functions of one version.")}
	}
	return []finding{well(submitFunction + " answers")}
}

// ecsFound asks ECS for an instance and an invocation that do not exist.
func ecsFound(ctx context.Context, c *connection, lacks error) []finding {
	if lacks != nil {
		return []finding{wrong(lacks.Error(), "Without it, submit and output cannot work from here, and show looks for an invocation in the history.")}
	}
	_, err := c.assistant.Instances(ctx, engine.Selector{IDs: []string{nobody}})
	if err == nil {
		_, err = c.assistant.Outputs(ctx, nobody, noInvocation)
	}
	if err == nil || errors.Is(err, engine.ErrInvalid) { // it does not know the id
		_, err = c.assistant.InstancesOf(ctx, noInvocation)
	}
	if err != nil && !errors.Is(err, engine.ErrInvalid) {
		return broken(err)
	}
	return []finding{well("your key may list instances, and see where commands ran and what they printed")}
}

// mostAhead is how wrong this machine's clock may be. Signatures are refused from 15
// minutes on, and --since is wrong at once.
const mostAhead = time.Minute

func clockFound(ahead time.Duration, known bool) []finding {
	what, late := "ahead of", ahead
	if ahead < 0 {
		what, late = "behind", -ahead
	}
	switch {
	case !known:
		return []finding{wrong("no service answered with its time", "Check the endpoints, and that they can be reached from here.")}
	case late > mostAhead:
		return []finding{wrong(fmt.Sprintf("this machine's clock is %s %s the services'", late.Round(time.Second), what),
			"Set it, by NTP for example. Signatures are refused from 15 minutes on.")}
	}
	return []finding{well("this machine's agrees with the services'")}
}

// dated notes how far this machine's clock is ahead of the dates of answers. It is
// safe for concurrent use.
type dated struct {
	http.RoundTripper
	mu    sync.Mutex
	least time.Duration
	known bool
}

func (d *dated) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := d.RoundTripper.RoundTrip(r)
	if err != nil {
		return answer, err
	}
	if at, bad := http.ParseTime(answer.Header.Get("Date")); bad == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		if ahead := time.Since(at); !d.known || ahead.Abs() < d.least.Abs() {
			d.least, d.known = ahead, true
		}
	}
	return answer, err
}

// ahead is by how much, and false if no answer had a date.
func (d *dated) ahead() (time.Duration, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.least, d.known
}

func sweepsFound(ctx context.Context, l *ledger.Ledger, c clock) []finding {
	s, err := readSweeps(ctx, l, c.now)
	if err != nil {
		return broken(err)
	}
	what, bad := sweepsWords(s, c)
	switch {
	case !bad:
		return []finding{well(what)}
	case s.Missing(c.now):
		return []finding{wrong(what, "Look at the timer and the log of the function "+sweepFunction+"; 'aftercare sweep' sweeps now.")}
	}
	return []finding{wrong(what, "Commands may wait for room (AFTERCARE_SENDS_PER_MINUTE), or the log of the function "+sweepFunction+" says what fails.")}
}

// oldAgent is the first version of the agent that sends first heartbeats, by the
// words that ECS has for operating systems.
var oldAgent = map[string]string{"linux": "1.0.2.569", "windows": "1.0.0.149"}

// mostNamed is how many instances a finding names.
const mostNamed = 5

func agentsFound(ctx context.Context, l *ledger.Ledger) []finding {
	var old []string
	all, err := readFleet(ctx, l, func(i listed) bool { return i.Agent != "" })
	if err != nil {
		return broken(err)
	}
	for _, i := range all {
		if least := oldAgent[strings.ToLower(i.OS)]; least != "" && isOlder(i.Agent, least) {
			old = append(old, i.InstanceID+" ("+i.Agent+")")
		}
	}
	switch {
	case len(all) == 0:
		return []finding{well("no agent's version is known yet")}
	case len(old) == 0:
		return []finding{well("none of " + counted(len(all), "agent") + " whose version is known is too old")}
	}
	what := counted(len(old), "agent") + " too old to send first heartbeats: " + strings.Join(old[:min(len(old), mostNamed)], ", ")
	if more := len(old) - mostNamed; more > 0 {
		what += fmt.Sprintf(" and %d more ('aftercare instances -o wide')", more)
	}
	return []finding{wrong(what, "Update the agent there. Until then, boots are found by asking, and flows on first-heartbeat do not start.")}
}

// isOlder compares versions such as 1.0.2.569; numbers that cannot be read are 0.
func isOlder(version, than string) bool {
	numbers := func(v string) (list []int) {
		for part := range strings.SplitSeq(v, ".") {
			n, _ := strconv.Atoi(part)
			list = append(list, n)
		}
		return list
	}
	return slices.Compare(numbers(version), numbers(than)) < 0
}

// field is one that events should have.
type field[T any] struct {
	name string
	is   func(T) bool
}

var endFields = []field[decide.Execution]{
	{"id", func(e decide.Execution) bool { return e.Event.ID != "" }},
	{"account", func(e decide.Execution) bool { return e.Event.Account != "" }},
	{"region", func(e decide.Execution) bool { return e.Event.Region != "" }},
	{"time", func(e decide.Execution) bool { return !e.Event.Time.IsZero() }},
	{"commandName", func(e decide.Execution) bool { return e.Name != "" }},
	{"startTime", func(e decide.Execution) bool { return !e.Event.StartTime.IsZero() }},
	{"finishTime", func(e decide.Execution) bool { return !e.Event.FinishTime.IsZero() }},
}

var bootFields = []field[decide.Boot]{
	{"id", func(b decide.Boot) bool { return b.EventID != "" }},
	{"time", func(b decide.Boot) bool { return !b.EventTime.IsZero() }},
	{"agentVersion", func(b decide.Boot) bool { return b.AgentVersion != "" }},
}

// eventsFound looks for fields that no event of the last day had.
func eventsFound(ctx context.Context, l *ledger.Ledger, now time.Time) []finding {
	from, asked := now.Add(-lookBack), 0
	var instances []string
	for _, kind := range []ledger.EntryKind{ledger.EntryExecution, ledger.EntryBoot} {
		most := len(instances) + mostNamed
		err := l.History(ctx, ledger.Query{From: from, Before: now.Add(decide.MaxAhead), Kinds: []ledger.EntryKind{kind}}, func(e ledger.Entry) error {
			switch {
			case e.Polled:
				asked++
			case !slices.Contains(instances, e.InstanceID):
				instances = append(instances, e.InstanceID)
			}
			if len(instances) == most || asked == mostFailed {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return broken(err)
		}
	}
	var executions []decide.Execution
	var reported []decide.Boot
	for _, id := range instances {
		r, _, err := l.Recent(ctx, id, from, newestRecords)
		if err != nil {
			return broken(err)
		}
		executions, reported = append(executions, r.Executions...), append(reported, r.Boots...)
	}
	executions = slices.DeleteFunc(executions, func(e decide.Execution) bool { return e.Source == decide.SourcePoll })
	const day = "within 24h"
	ends, boots := len(executions), len(reported)
	switch {
	case ends+boots == 0 && asked > 0:
		return []finding{wrong(fmt.Sprintf("no event came %s, and %s had to be asked for", day, counted(asked, "record")),
			"Look at EventBridge's rules and the dead-letter queue.")}
	case ends+boots == 0:
		return []finding{well("no command ended and no instance booted " + day)}
	}
	lacks := lacking("TaskCompleted", executions, endFields)
	lacks = append(lacks, lacking("FirstHeartbeat", reported, bootFields)...)
	if len(lacks) > 0 {
		return lacks
	}
	return []finding{well(fmt.Sprintf("each field was set in one of the newest %s and %s", counted(ends, "end"), counted(boots, "boot")))}
}

func lacking[T any](kind string, records []T, fields []field[T]) (found []finding) {
	var names []string
	for _, f := range fields {
		if len(records) > 0 && !slices.ContainsFunc(records, f.is) {
			names = append(names, f.name)
		}
	}
	if names == nil {
		return nil
	}
	return []finding{wrong(fmt.Sprintf("none of the newest %d %s events had %s", len(records), kind, strings.Join(names, ", ")),
		"Let EventBridge's rule deliver the whole event, without a transformation. Flows that read such a field never start.")}
}
