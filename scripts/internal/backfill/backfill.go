// Package backfill finds the events that the functions missed, and gives them to the
// functions, which know what they handled before.
//
// Three sources are asked: EventBridge, which events its bus received; CloudMonitor,
// which system events there were; and Cloud Assistant, which commands ended. What
// the ledger has is taken out. A source that refuses leaves the others as they are.
// No source has everything, so a search also says what it could not know.
package backfill

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"aftercare/shared/assistant"
	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/ledger"
	"aftercare/shared/subscription"
)

// Kinds are those of the events that the functions take.
var Kinds = []event.Kind{event.KindTaskCompleted, event.KindFirstHeartbeat, event.KindStateChange}

// The sources, in the order in which they are asked. What an earlier one has is not
// taken from a later one: only EventBridge has events as they were delivered.
const (
	SourceBus          = "eventbridge"
	SourceCloudMonitor = "cloudmonitor"
	SourceAssistant    = "ecs"
)

const (
	// MaxMissing bounds what one search finds, and so its memory: an event has 1 KB or
	// two.
	MaxMissing = 20_000
	// maxKnown bounds the records of the time that are kept in mind, by their ids.
	maxKnown = 500_000
	// margin is how far the time of a record may lie before that of its event.
	margin = time.Hour
)

// Finding is an event that a source knows.
type Finding struct {
	At         time.Time
	InstanceID string
	Kind       event.Kind
	// ID is the event's, or what stands for it. InvokeID is that of an end.
	ID, InvokeID string
	// What says for people what the event says.
	What   string
	Source string
	// Result and Why are what became of it; before, Why is what EventBridge says of
	// its delivery.
	Result, Why string
	Failed      bool

	event   event.Event
	payload json.RawMessage
}

// Refusal is a source that did not answer, or not with all.
type Refusal struct {
	Source string
	Err    error
}

// Found is the result of a search.
type Found struct {
	// Missing are the events that the ledger lacks, the oldest first.
	Missing []*Finding
	// Executions and Boots count what the ledger has of the time.
	Executions, Boots int
	Refusals          []Refusal
	// Unknown says what no source could say.
	Unknown []string

	// before are the instances whose boots or states are missing, as they were.
	before map[string]decide.Instance
}

// Search is a search for what was missed from one time until before another.
type Search struct {
	Region, Account string
	From, Before    time.Time
	Ledger          *ledger.Ledger
	Events          *subscription.Client
	CloudMonitor    *subscription.CloudMonitor
	Assistant       *assistant.Client
}

// search is one under way.
type search struct {
	Search
	found Found
	// known holds the ids of events whose records the ledger has, and ended the
	// commands that ended, by instance/invocation.
	known, ended map[string]bool
	// seen are the findings by what they are about.
	seen map[string]*Finding
	// covered are the kinds that some source listed completely. without counts the
	// events whose content the bus did not give.
	covered map[event.Kind]bool
	without map[event.Kind]int
}

// errFull ends a source's list when no more can be kept.
var errFull = fmt.Errorf("there are more than %d events that may be missing: run it again for the rest", MaxMissing)

// Find asks the sources. It fails if the ledger does not answer, or no source does.
func (s Search) Find(ctx context.Context) (*Found, error) {
	g := &search{
		Search: s, known: map[string]bool{}, ended: map[string]bool{}, seen: map[string]*Finding{}, covered: map[event.Kind]bool{}, without: map[event.Kind]int{},
	}
	if err := g.recorded(ctx); err != nil {
		return nil, err
	}
	var errs []error
	for _, source := range []struct {
		name string
		ask  func(context.Context) error
	}{{SourceBus, g.askBus}, {SourceCloudMonitor, g.askCloudMonitor}, {SourceAssistant, g.askAssistant}} {
		err := source.ask(ctx)
		if ctx.Err() != nil {
			return nil, cmp.Or(err, ctx.Err())
		}
		if errs = append(errs, err); err != nil {
			g.found.Refusals = append(g.found.Refusals, Refusal{source.name, err})
		}
	}
	if !slices.Contains(errs, nil) {
		return nil, errors.Join(errs...)
	}
	if err := g.sift(ctx); err != nil {
		return nil, err
	}
	g.explain(ctx)
	g.admit()
	return &g.found, nil
}

// names are the words for the kinds.
var names = map[event.Kind]string{
	event.KindTaskCompleted:  "ends of commands",
	event.KindFirstHeartbeat: "first heartbeats",
	event.KindStateChange:    "changes of instances' states",
}

// admit says what could not be known.
func (g *search) admit() {
	for _, kind := range Kinds {
		switch n := g.without[kind]; {
		case g.covered[kind]:
		case n > 0:
			g.found.Unknown = append(g.found.Unknown, fmt.Sprintf("up to %d %s, whose content EventBridge does not give", n, names[kind]))
		default:
			g.found.Unknown = append(g.found.Unknown, names[kind]+", which no source lists")
		}
	}
}

// add adds what a source has, unless it has been found before. The error is errFull.
func (g *search) add(source string, payload []byte, e event.Event) error {
	f := &Finding{Source: source, event: e, payload: payload}
	about := ""
	switch e := e.(type) {
	case event.TaskCompleted:
		if e.Suffix() == "once" && g.ended[e.InstanceID+"/"+e.InvokeID] {
			return nil
		}
		f.set(e.Envelope, e.InstanceID, cmp.Or(e.FinishTime, e.Time), "end "+string(e.Status))
		f.InvokeID = e.InvokeID
		about = e.Key()
	case event.FirstHeartbeat:
		f.set(e.Envelope, e.InstanceID, e.Time, "first heartbeat")
		about = e.InstanceID + "/heartbeat/" + cmp.Or(e.BizEventID, moment(e.Time))
	case event.InstanceStateChange:
		f.set(e.Envelope, e.InstanceID, e.Time, "state "+string(e.State))
		about = e.InstanceID + "/" + string(e.State) + "/" + moment(e.Time)
	default:
		return nil // Aftercare does not handle it, whoever delivers it
	}
	switch {
	case g.seen[about] != nil:
	case len(g.seen) == MaxMissing:
		return errFull
	default:
		g.seen[about] = f
	}
	return nil
}

// moment tells the sources' times apart: CloudMonitor has them in milliseconds.
func moment(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

func (f *Finding) set(env event.Envelope, instanceID string, at time.Time, what string) {
	f.Kind, f.ID, f.InstanceID, f.At, f.What = env.Kind, env.ID, instanceID, at, what
}
