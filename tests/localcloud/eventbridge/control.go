package eventbridge

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
)

// The codes that the vendor names. Sources: the API's page on PutEvents, the
// vendor's provider for Terraform, and the page on PutTargets.
const (
	codeNoBus  = "EventBusNotExist"
	codeNoRule = "EventRuleNotExisted"
	codeTwice  = "EventRuleTargetIdDuplicate"
)

// CodeRuleExists is this package's own: no page names a code for a rule that exists
// already.
const CodeRuleExists = "EventRuleExisted"

// failure is an error that the API answers with status 200 and Success false.
func failure(code, format string, args ...any) *Error {
	e := invalid(format, args...)
	e.Status, e.Code = http.StatusOK, code
	return e
}

// action answers a call. Its error is an *Error.
type action func(s *Server, p url.Values) (data any, err error)

// actions are those of the control plane, by name, with the parameters that each
// needs. Source:
// https://www.alibabacloud.com/help/en/eventbridge/developer-reference/api-eventbridge-2020-04-01-dir
var actions = map[string]struct {
	needs []string
	do    action
}{
	"CreateEventBus": {[]string{"EventBusName"}, (*Server).createBus},
	"GetEventBus":    {[]string{"EventBusName"}, (*Server).getBus},
	"ListEventBuses": {nil, (*Server).listBuses},
	"DeleteEventBus": {[]string{"EventBusName"}, (*Server).deleteBus},

	"CreateRule":  {[]string{"EventBusName", "RuleName", "FilterPattern"}, (*Server).createRule},
	"UpdateRule":  {[]string{"EventBusName", "RuleName"}, (*Server).updateRule},
	"GetRule":     {[]string{"EventBusName", "RuleName"}, (*Server).getRule},
	"ListRules":   {[]string{"EventBusName"}, (*Server).listRules},
	"EnableRule":  {[]string{"EventBusName", "RuleName"}, status(statusEnabled)},
	"DisableRule": {[]string{"EventBusName", "RuleName"}, status(statusDisabled)},
	"DeleteRule":  {[]string{"EventBusName", "RuleName"}, (*Server).deleteRule},

	"PutTargets":    {[]string{"EventBusName", "RuleName", "Targets"}, (*Server).putTargets},
	"ListTargets":   {[]string{"EventBusName", "RuleName"}, (*Server).listTargets},
	"DeleteTargets": {[]string{"EventBusName", "RuleName", "TargetIds"}, (*Server).deleteTargets},

	"QueryTracedEvents": {[]string{"EventBusName", "StartTime", "EndTime"}, (*Server).queryTracedEvents},
	"QueryEvent":        {[]string{"EventBusName", "EventId"}, (*Server).queryEvent},
	"QueryEventTraces":  {[]string{"EventBusName", "EventId"}, (*Server).queryEventTraces},

	"TestEventPattern": {[]string{"Event", "EventPattern"}, (*Server).testPattern},
}

// serveAction answers a call of the control plane. Planned faults strike before
// or after it has an effect.
func (s *Server) serveAction(w http.ResponseWriter, r *http.Request, call access.Call) {
	act, known := actions[call.Action]
	if !known {
		refuse(w, upperCase, notFound(access.CodeNotImitated, "the local EventBridge does not imitate the action %q", call.Action))
		return
	}
	p := call.Parameters
	*access.EntryOf(w) = access.Entry{Call: call.Action, About: p.Get("EventBusName") + "/" + p.Get("RuleName")}
	for _, name := range act.needs {
		if p.Get(name) == "" {
			refuse(w, upperCase, &Error{400, "Missing" + name, name + " is mandatory for this action."})
			return
		}
	}
	fail := func(f *fault.Fault) { refuse(w, upperCase, plannedError(f)) }
	strike := s.opt.Faults.Next(call.Action)
	if strike.Before(r, fail) {
		return
	}
	data, err := act.do(s, p)
	if strike.After(r, fail) {
		return
	}
	if err != nil {
		answerFailure(w, err)
		return
	}
	answer(w, http.StatusOK, rpcAnswer{RequestID: rand.Text(), Code: codeSuccess, Message: codeSuccess, Success: true, Data: data})
}

// answerFailure answers an error with status 200, as the vendor does for buses
// and rules that do not exist. Source: the vendor's provider for Terraform.
func answerFailure(w http.ResponseWriter, err error) {
	e := asError(err)
	access.EntryOf(w).Code = e.Code
	answer(w, http.StatusOK, rpcAnswer{RequestID: rand.Text(), Code: e.Code, Message: e.Message})
}

// busNamed and ruleNamed return what a call names; the caller holds mu.
func (s *Server) busNamed(p url.Values) (*bus, error) {
	name := p.Get("EventBusName")
	if b := s.buses[name]; b != nil {
		return b, nil
	}
	return nil, failure(codeNoBus, "the event bus %q does not exist", name)
}

func (s *Server) ruleNamed(p url.Values) (*rule, error) {
	if _, err := s.busNamed(p); err != nil {
		return nil, err
	}
	bus, name := p.Get("EventBusName"), p.Get("RuleName")
	if r := s.ruleOf(bus, name); r != nil {
		return r, nil
	}
	return nil, failure(codeNoRule, "the rule %q does not exist on the event bus %q", name, bus)
}

// page returns the part of all that a call asks for with Limit and NextToken,
// and the token of the next part.
func page[T any](p url.Values, all []T) (part []T, next string, err error) {
	limit, from := 10, 0
	if text := p.Get("Limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > 100 {
			return nil, "", failure("InvalidLimit", "Limit must be from 1 to 100")
		}
	}
	if token := p.Get("NextToken"); token != "" {
		text, err := base64.URLEncoding.DecodeString(token)
		if err == nil {
			from, err = strconv.Atoi(string(text))
		}
		if err != nil || from < 0 || from > len(all) {
			return nil, "", failure("InvalidNextToken", "NextToken is not one of an earlier answer")
		}
	}
	to := min(from+limit, len(all))
	if to < len(all) {
		next = base64.URLEncoding.EncodeToString([]byte(strconv.Itoa(to)))
	}
	return append([]T{}, all[from:to]...), next, nil
}

// testPattern compares an event with a pattern.
func (s *Server) testPattern(p url.Values) (any, error) {
	pattern, err := CompilePattern(p.Get("EventPattern"))
	if err != nil {
		return nil, failure("InvalidEventPattern", "%v", err)
	}
	if _, err := parseEvent([]byte(p.Get("Event"))); err != nil {
		var refused *Error
		errors.As(err, &refused)
		return nil, failure(refused.Code, "%s", refused.Message)
	}
	matches, err := pattern.Match(json.RawMessage(p.Get("Event")))
	if err != nil {
		return nil, failure("InvalidEvent", "%v", err)
	}
	return map[string]bool{"Result": matches}, nil
}
