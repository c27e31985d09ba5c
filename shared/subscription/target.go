package subscription

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Target is a rule's target as the service shows it, with members that this package
// does not know.
type Target map[string]any

// The settings of each target.
const (
	// retryDay is 176 tries within a day; the other strategy gives up after about a
	// minute. Source: https://www.alibabacloud.com/help/en/eventbridge/user-guide/retry-policies-and-dead-letter-queues
	retryDay = "EXPONENTIAL_DECAY_RETRY"
	// toleratesAll: an event that cannot be delivered holds up no other.
	toleratesAll = "ALL"

	// invocationType is the parameter that says how a function is invoked. Source:
	// https://www.alibabacloud.com/help/en/eventbridge/user-guide/event-target-parameters
	invocationType, synchronous = "InvocationType", "Sync"
)

func (t Target) text(name string) string {
	text, _ := t[name].(string)
	return text
}

// queue is where its dead letters go; empty for nowhere.
func (t Target) queue() string {
	q, _ := t["DeadLetterQueue"].(map[string]any)
	return Target(q).text("Arn")
}

// isFunction reports whether it invokes a function of whatever generation.
func (t Target) isFunction() bool { return strings.HasPrefix(t.text("Type"), "acs.fc") }

var word = regexp.MustCompile(`[A-Za-z0-9_-]+`)

// names reports whether it names a function as what it invokes. Where is not
// documented for functions of Function Compute 3.
func (t Target) names(function string) bool {
	found := false
	for _, member := range []string{"Endpoint", "ParamList"} {
		eachText(t[member], func(text string) string {
			found = found || slices.Contains(word.FindAllString(text, -1), function)
			return text
		})
	}
	return found
}

// eachText returns a copy of a JSON value with each of its texts replaced.
func eachText(value any, replace func(string) string) any {
	switch v := value.(type) {
	case string:
		return replace(v)
	case []any:
		list := make([]any, len(v))
		for i, part := range v {
			list[i] = eachText(part, replace)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, part := range v {
			object[name] = eachText(part, replace)
		}
		return object
	}
	return value
}

// settled returns the target with the settings that it should have, and what that
// changes, in words; nothing if it has them. Without a queue it gets dead letters, and
// must not send its own to their bus.
func (t Target) settled(queue string) (out Target, changes []string) {
	out = t.sendable()
	for _, setting := range []struct {
		name, have, want string
		value            any
	}{
		{"PushRetryStrategy", t.text("PushRetryStrategy"), retryDay, retryDay},
		{"DeadLetterQueue", t.queue(), queue, map[string]any{"Arn": queue}},
		{"ErrorsTolerance", t.text("ErrorsTolerance"), toleratesAll, toleratesAll},
	} {
		if setting.want != "" && setting.have != setting.want {
			out[setting.name] = setting.value
			changes = append(changes, fmt.Sprintf("%s is %s (was %s)", setting.name, setting.want, cmp.Or(setting.have, "not set")))
		}
	}
	if was := t.queue(); queue == "" && strings.HasSuffix(was, ":eventbus/"+BusDeadLetters) {
		delete(out, "DeadLetterQueue")
		changes = append(changes, "DeadLetterQueue is not set (was "+was+"): dead letters would go in circles")
	}
	return out, changes
}

// shownOnly are the members that only answers have.
var shownOnly = []string{"PushSelector", "DetailMap", "EventBusName", "RuleName"}

// sendable returns the target without what the service adds when it shows one:
// members of its own, empty values, and the parameter IsBase64Encode. Source of the
// latter: the vendor's provider for Terraform, which skips it, too.
func (t Target) sendable() Target {
	out := Target{}
	for name, value := range t {
		if value = filled(value); value != nil && !slices.Contains(shownOnly, name) {
			out[name] = value
		}
	}
	if list, ok := out["ParamList"].([]any); ok {
		out["ParamList"] = slices.DeleteFunc(list, func(param any) bool {
			p, _ := param.(map[string]any)
			return p["ResourceKey"] == "IsBase64Encode" && p["Value"] == "false"
		})
	}
	return out
}

// filled returns a copy of a JSON value without what is empty in it; nil if all is.
func filled(value any) any {
	switch v := value.(type) {
	case string:
		if v == "" {
			return nil
		}
	case []any:
		var list []any
		for _, part := range v {
			if part = filled(part); part != nil {
				list = append(list, part)
			}
		}
		if list == nil {
			return nil
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for name, part := range v {
			if part = filled(part); part != nil {
				object[name] = part
			}
		}
		if len(object) == 0 {
			return nil
		}
		return object
	}
	return value
}

// like returns a target for one function in the form of another's, without its dead
// letters. It is invoked synchronously, or its errors would not be tried again.
func (t Target) like(from, to string) Target {
	out := t.sendable()
	for _, member := range []string{"Endpoint", "ParamList"} {
		if value, ok := out[member]; ok {
			out[member] = eachText(value, func(text string) string {
				return word.ReplaceAllStringFunc(text, func(w string) string {
					if w == from {
						return to
					}
					return w
				})
			})
		}
	}
	list, _ := out["ParamList"].([]any)
	for _, param := range list {
		if p, _ := param.(map[string]any); p["ResourceKey"] == invocationType {
			p["Value"] = synchronous
		}
	}
	out["Id"] = to
	delete(out, "DeadLetterQueue")
	return out
}

// unverified returns a target for a function in a form of which the vendor's pages
// have no example for Function Compute 3.
func (s Site) unverified(function string) Target {
	param := func(key, form, value string) any {
		return map[string]any{"ResourceKey": key, "Form": form, "Value": value}
	}
	return Target{
		"Id": function, "Type": "acs.fc.function", "Endpoint": "acs:fc:" + s.Region + ":" + s.Account + ":functions/" + function,
		"ParamList": []any{
			param(invocationType, "CONSTANT", synchronous), param("DataFormat", "CONSTANT", "Object"),
			map[string]any{"ResourceKey": "Body", "Form": "ORIGINAL"},
		},
	}
}
