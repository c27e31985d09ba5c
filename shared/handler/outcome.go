package handler

import (
	"encoding/json"

	"aftercare/shared/decide"
)

// Outcome is a function's answer: what became of each input of its payload. It
// is for logs, for people and for the callers of submit-task.
type Outcome struct {
	RequestID string `json:"requestId"`
	// Version is that of the function that answers.
	Version string `json:"version"`
	// Items says what became of the payload's first 1,000 inputs, in their
	// order. More counts the other inputs by their result.
	Items []Item         `json:"items"`
	More  map[string]int `json:"more,omitempty"`
}

// maxItems bounds Outcome.Items.
const maxItems = 1000

// add adds what became of the next input, unless it has no result.
func (o *Outcome) add(item Item) {
	switch {
	case item.Result == "":
	case len(o.Items) < maxItems:
		o.Items = append(o.Items, item)
	case o.More == nil:
		o.More = map[string]int{item.Result: 1}
	default:
		o.More[item.Result]++
	}
}

// The results of one input.
const (
	ResultRecorded    = "recorded"    // an execution
	ResultNoticed     = "noticed"     // a heartbeat
	ResultAccepted    = "accepted"    // a submission, a cancel, a stop or a resume
	ResultRefused     = "refused"     // the same, as the answer explains
	ResultDuplicate   = "duplicate"   // handled before
	ResultPending     = "pending"     // one instance of a submission, which a sweep submits to
	ResultIgnored     = "ignored"     // not for this function
	ResultQuarantined = "quarantined" // malformed, and kept
	ResultKept        = "kept"        // a dead letter, in quarantine
	ResultSwept       = "swept"       // due wake-ups
	ResultDispatched  = "dispatched"  // alerts
)

// Item is what became of one input.
type Item struct {
	Result     string `json:"result"`
	InstanceID string `json:"instanceId,omitempty"`
	InvokeID   string `json:"invokeId,omitempty"`
	// Answer is set for submissions and cancels.
	Answer *decide.Answer `json:"answer,omitempty"`
	// Order is the answer to a stop or a resume, and Standing is what holds work
	// back after it.
	Order    *decide.Ordered  `json:"order,omitempty"`
	Standing *decide.Standing `json:"standing,omitempty"`
	// Left counts the sends and messages that are left to a sweep on
	// the instance.
	Left int `json:"left,omitempty"`
	// Reason says why an input was ignored or quarantined.
	Reason string `json:"reason,omitempty"`
	// Quarantine is the key under which a payload was kept.
	Quarantine string `json:"quarantine,omitempty"`
	// Woken and Failed count the wake-ups that a sweep handled, Waiting the
	// others, whose commands still wait for room; Complete says that it handled
	// every one that was due, and that none failed or waits.
	Woken    int   `json:"woken,omitempty"`
	Failed   int   `json:"failed,omitempty"`
	Waiting  int   `json:"waiting,omitempty"`
	Complete *bool `json:"complete,omitempty"`
	// Counts says what the function alerts did, in letters and deliveries.
	Counts map[string]int `json:"counts,omitempty"`
	// Detail is its answer to what an operator asked.
	Detail json.RawMessage `json:"detail,omitempty"`
	// Repairs counts what it made good, by kind.
	Repairs decide.Repaired `json:"repairs,omitempty"`
}

// Error is the one error that leaves a function: its input is not committed
// and must be delivered again. The cause is in the log.
type Error struct {
	RequestID string
	// Reason says why nothing can be decided now, if that is the cause.
	Reason string
}

func (e *Error) Error() string {
	text := "the input was not committed, deliver it again (request " + e.RequestID + ")"
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}
