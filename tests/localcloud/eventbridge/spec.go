package eventbridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// The statuses of a rule.
const (
	statusEnabled  = "ENABLE"
	statusDisabled = "DISABLE"
)

// The tolerances of a target: what happens after the last retry.
const (
	// tolerateAll lets go of the event, and delivers the next ones.
	tolerateAll = "ALL"
	// tolerateNone blocks the target until somebody replaces it.
	tolerateNone = "NONE"
)

// RuleSpec is a rule as the API shows it.
type RuleSpec struct {
	Bus         string `json:"EventBusName"`
	Name        string `json:"RuleName"`
	Pattern     string `json:"FilterPattern"`
	Description string `json:"Description"`
	Status      string `json:"Status"`           // ENABLE or DISABLE
	Created     int64  `json:"CreatedTimestamp"` // milliseconds
	Targets     []TargetSpec
}

// TargetSpec is a target as the API reads and shows it. Source:
// https://www.alibabacloud.com/help/en/eventbridge/developer-reference/api-eventbridge-2020-04-01-puttargets
type TargetSpec struct {
	ID                string `json:"Id"` // unique in the rule
	Type              string
	Endpoint          string
	ParamList         []Param
	PushRetryStrategy RetryStrategy    `json:",omitempty"`
	DeadLetterQueue   *DeadLetterQueue `json:",omitempty"`
	ErrorsTolerance   string           `json:",omitempty"` // ALL or NONE
	ConcurrentConfig  json.RawMessage  `json:",omitempty"` // kept, not obeyed
}

// Param is one parameter of a target.
type Param struct {
	ResourceKey string
	Form        TransformForm
	Value       string
	Template    string `json:",omitempty"`
}

// DeadLetterQueue names what takes the events that a target never got: a bus, as
// acs:eventbridge:<region>:<account>:eventbus/<bus>, or anything else, which a
// file stands in for.
type DeadLetterQueue struct {
	Arn             string
	Network         string `json:",omitempty"`
	VpcID           string `json:"VpcId,omitempty"`
	VSwitchIDs      string `json:"VSwitchIds,omitempty"`
	SecurityGroupID string `json:"SecurityGroupId,omitempty"`
}

// readTarget reads a target of a call. It skips what answers show and calls have
// no use for, so that a target may be put back as it was read.
func readTarget(raw []byte) (TargetSpec, error) {
	var in struct {
		TargetSpec
		DetailMap, PushSelector, RuleName, EventBusName json.RawMessage
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return in.TargetSpec, fmt.Errorf("the target cannot be read: %w", err)
	}
	t := in.TargetSpec
	if t.DeadLetterQueue != nil && t.DeadLetterQueue.Arn == "" {
		t.DeadLetterQueue = nil // the vendor's typed SDK sends one without a name
	}
	return t, nil
}

// param returns the parameter with a key, or a zero one.
func (t TargetSpec) param(key string) Param {
	i := slices.IndexFunc(t.ParamList, func(p Param) bool { return p.ResourceKey == key })
	if i < 0 {
		return Param{}
	}
	return t.ParamList[i]
}

// queue returns the name of the dead-letter queue, or "".
func (t TargetSpec) queue() string {
	if t.DeadLetterQueue == nil {
		return ""
	}
	return t.DeadLetterQueue.Arn
}

// keyBase64 is the parameter that the real EventBridge shows for each target,
// though nobody sent it. Source: the vendor's provider for Terraform.
const keyBase64 = "IsBase64Encode"

// shown returns a target as calls read it back: its parameters in another order,
// with the one that nobody sent.
func (t TargetSpec) shown() TargetSpec {
	t.ParamList = slices.Clone(t.ParamList)
	slices.Reverse(t.ParamList)
	if t.param(keyBase64).ResourceKey == "" {
		t.ParamList = append(t.ParamList, Param{ResourceKey: keyBase64, Form: Constant, Value: "false"})
	}
	return t
}

// shown returns a rule as calls read it back: its targets in another order.
func (r RuleSpec) shown() RuleSpec {
	out := []TargetSpec{}
	for _, t := range slices.Backward(r.Targets) {
		out = append(out, t.shown())
	}
	r.Targets = out
	return r
}
