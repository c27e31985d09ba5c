package eventbridge

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"aftercare/tests/localcloud/access"
)

// The types of targets.
const (
	typeFunction = "acs.fc.function"
	typeBus      = "acs.eventbridge"
	// typeProgram is this package's own, for Rule.Target.
	typeProgram = "localcloud.program"
)

// Invocation is a call of a function by a target.
type Invocation struct {
	Function string
	// Qualifier is a version or an alias; empty or LATEST for the newest code.
	Qualifier string
	Async     bool
	Payload   []byte
}

// target is a checked TargetSpec.
type target struct {
	spec    TargetSpec
	payload func(event []byte) ([]byte, error)
	deliver Target
	// blocked means that an event failed that may not be let go; guarded by
	// Server.mu.
	blocked bool
}

func (t *target) retry() RetryStrategy { return cmp.Or(t.spec.PushRetryStrategy, BackoffRetry) }

// compileTarget checks a target. program is the target of that type, if the rule
// has one. The error is an *Error.
func (s *Server) compileTarget(spec TargetSpec, program *target) (*target, error) {
	switch {
	case spec.ID == "":
		return nil, failure("InvalidTarget", "the target has no Id")
	case spec.PushRetryStrategy != "" && !spec.PushRetryStrategy.known():
		return nil, failure("InvalidTarget", "PushRetryStrategy %q is not BACKOFF_RETRY or EXPONENTIAL_DECAY_RETRY", spec.PushRetryStrategy)
	case spec.ErrorsTolerance != "" && spec.ErrorsTolerance != tolerateAll && spec.ErrorsTolerance != tolerateNone:
		return nil, failure("InvalidTarget", "ErrorsTolerance %q is not ALL or NONE", spec.ErrorsTolerance)
	}
	out := &target{spec: spec}
	var err error
	switch {
	case spec.Type == typeFunction && s.opt.Invoke != nil:
		out.payload, out.deliver, err = s.functionTarget(spec)
	case spec.Type == typeBus:
		out.payload, out.deliver, err = s.busTarget(spec)
	case spec.Type == typeProgram && program != nil:
		out.payload, out.deliver = program.payload, program.deliver
	default:
		return nil, failure(access.CodeNotImitated, "the local EventBridge does not imitate targets of the type %q here: it has %s, and %s if it runs with functions", spec.Type, typeBus, typeFunction)
	}
	if err != nil {
		return nil, failure("InvalidTarget", "target %s: %v", spec.ID, err)
	}
	return out, nil
}

// functionName is the endpoint of a function: of Function Compute 2.0 with a
// service, of 3.0 without one.
var functionName = regexp.MustCompile(`^acs:fc:[^:]*:[^:]*:(?:services/[^/.]+(?:\.([^/]+))?/)?functions/([^/]+)(?:/([^/]+))?$`)

// Function returns the function that a target invokes, and its qualifier; both are
// empty for other targets.
func (t TargetSpec) Function() (name, qualifier string) {
	if t.Type != typeFunction {
		return "", ""
	}
	named := functionName.FindStringSubmatch(t.Endpoint)
	if named == nil {
		named = make([]string, 4)
	}
	return cmp.Or(t.param("functionName").Value, named[2]), cmp.Or(t.param("Qualifier").Value, named[1], named[3])
}

// functionTarget reads a target that invokes a function. Source, for 2.0:
// https://www.alibabacloud.com/help/en/eventbridge/user-guide/event-target-parameters
// No page describes the form for 3.0, so what only one of the two needs may be
// missing. Without an InvocationType, the call is synchronous.
func (s *Server) functionTarget(t TargetSpec) (func([]byte) ([]byte, error), Target, error) {
	function, qualifier := t.Function()
	switch {
	case t.Endpoint != "" && !functionName.MatchString(t.Endpoint):
		return nil, nil, fmt.Errorf("the endpoint %q is not acs:fc:<region>:<account>:functions/<function>", t.Endpoint)
	case function == "":
		return nil, nil, fmt.Errorf("no function is named, neither by the endpoint nor by functionName")
	}
	in := Invocation{Function: function, Qualifier: qualifier}
	switch kind := t.param("InvocationType").Value; kind {
	case "", "Sync":
	case "Async":
		in.Async = true
	default:
		return nil, nil, fmt.Errorf("InvocationType %q is not Sync or Async", kind)
	}
	body := t.param("Body")
	payload, err := Transform{Form: body.Form, Value: body.Value, Template: body.Template}.compile()
	if err != nil {
		return nil, nil, err
	}
	switch format := t.param("DataFormat").Value; format {
	case "", "Object":
	case "ObjectList":
		one := payload
		payload = func(event []byte) ([]byte, error) {
			text, err := one(event)
			return append(append([]byte("["), text...), ']'), err
		}
	default:
		return nil, nil, fmt.Errorf("DataFormat %q is not Object or ObjectList", format)
	}
	return payload, func(ctx context.Context, payload []byte) error {
		call := in
		call.Payload = payload
		return s.opt.Invoke(ctx, call)
	}, nil
}

// busARN returns the name of a bus.
func (s *Server) busARN(bus string) string {
	return "acs:eventbridge:" + s.opt.Region + ":" + s.opt.Account + ":eventbus/" + bus
}

func (s *Server) ruleARN(bus, rule string) string { return s.busARN(bus) + "/rule/" + rule }

// busOf returns the bus of a name, or "".
func busOf(arn string) string {
	rest, ours := strings.CutPrefix(arn, "acs:eventbridge:")
	_, bus, found := strings.Cut(rest, ":eventbus/")
	if !ours || !found {
		return ""
	}
	return bus
}

// busTarget reads a target that puts the event on another bus.
func (s *Server) busTarget(t TargetSpec) (func([]byte) ([]byte, error), Target, error) {
	bus := cmp.Or(t.param("EventBusName").Value, busOf(t.Endpoint))
	if !busName.MatchString(bus) {
		return nil, nil, fmt.Errorf("no bus is named, neither by the endpoint acs:eventbridge:<region>:<account>:eventbus/<bus> nor by EventBusName")
	}
	payload, err := Transform{Form: t.param("Body").Form}.compile()
	if err != nil || t.param("Body").Form == Constant {
		return nil, nil, fmt.Errorf("the local EventBridge puts only whole events on another bus: Body must have the form ORIGINAL")
	}
	return payload, func(_ context.Context, raw []byte) error {
		if err := s.checkBus(bus); err != nil {
			return err
		}
		e := event{}
		if err := json.Unmarshal(raw, &e.attributes); err != nil {
			return fmt.Errorf("read event: %w", err)
		}
		e.stamp(bus, s, false)
		return s.accept(bus, e)
	}, nil
}
