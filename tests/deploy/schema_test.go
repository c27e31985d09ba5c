package deploy_test

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// schema says what the component fc3 takes, of the fields that s.yaml uses: a field's
// place in props, with [] for each element of a list and * for any name; its type; the
// values or the bounds that it may have; the step of a number; and ! if it must be there.
// From https://github.com/devsapp/fc3/blob/4ca1c1b8/src/schema.json (version 0.1.22). It
// says nothing of what is in deliveryOption and runOptions, for which
// https://www.alibabacloud.com/help/en/functioncompute/api-fc-2023-03-30-struct-runoptions does.
const schema = `
region                                                          text ap-northeast-1|ap-northeast-2|ap-south-1|ap-southeast-1|ap-southeast-2|ap-southeast-3|ap-southeast-5|ap-southeast-7|cn-beijing|cn-chengdu|cn-hangzhou|cn-heyuan-acdr-1|cn-hongkong|cn-huhehaote|cn-qingdao|cn-shanghai|cn-shanghai-cloudspe|cn-shanghai-finance-1|cn-shenzhen|cn-wulanchabu|cn-zhangjiakou|eu-central-1|eu-west-1|me-central-1|us-east-1|us-west-1 !
functionName                                                    text !
description                                                     text
runtime                                                         text go1|custom.debian12|custom !
code                                                            text !
handler                                                         text !
cpu                                                             number 0.05..16
memorySize                                                      number 128..32768 /64
diskSize                                                        number 512|10240
timeout                                                         number 1..86400 /1
internetAccess                                                  boolean
role                                                            text
environmentVariables                                            object
environmentVariables.*                                          text
logConfig                                                       object
logConfig.project                                               text !
logConfig.logstore                                              text !
logConfig.enableRequestMetrics                                  boolean
logConfig.enableInstanceMetrics                                 boolean
logConfig.logBeginRule                                          text DefaultRegex|None
vpcConfig                                                       object
vpcConfig.vpcId                                                 text !
vpcConfig.vSwitchIds                                            list !
vpcConfig.vSwitchIds[]                                          text
vpcConfig.securityGroupId                                       text !
concurrencyConfig                                               object
concurrencyConfig.reservedConcurrency                           number !
asyncInvokeConfig                                               object
asyncInvokeConfig.qualifier                                     text
asyncInvokeConfig.maxAsyncEventAgeInSeconds                     number 1..2592000
asyncInvokeConfig.maxAsyncRetryAttempts                         number 0..8
asyncInvokeConfig.destinationConfig                             object
asyncInvokeConfig.destinationConfig.onFailure                   object
asyncInvokeConfig.destinationConfig.onFailure.destination       text
triggers                                                        list
triggers[]                                                      object
triggers[].triggerName                                          text !
triggers[].triggerType                                          text eventbridge|timer !
triggers[].qualifier                                            text
triggers[].triggerConfig                                        object !
triggers[].triggerConfig.enable                                 boolean
triggers[].triggerConfig.cronExpression                         text
triggers[].triggerConfig.payload                                text
triggers[].triggerConfig.triggerEnable                          boolean
triggers[].triggerConfig.asyncInvocationType                    boolean
triggers[].triggerConfig.eventRuleFilterPattern                 text
triggers[].triggerConfig.eventSourceConfig                      object
triggers[].triggerConfig.eventSourceConfig.eventSourceType      text Default !
triggers[].triggerConfig.eventSourceConfig.eventSourceParameters object !
triggers[].triggerConfig.eventSinkConfig                        object
triggers[].triggerConfig.eventSinkConfig.deliveryOption         object !
triggers[].triggerConfig.eventSinkConfig.deliveryOption.eventSchema text CloudEvents|RawData
triggers[].triggerConfig.runOptions                             object
triggers[].triggerConfig.runOptions.mode                        text event-driven|event-streaming
triggers[].triggerConfig.runOptions.errorsTolerance             text ALL|NONE
triggers[].triggerConfig.runOptions.retryStrategy               object
triggers[].triggerConfig.runOptions.retryStrategy.PushRetryStrategy text BACKOFF_RETRY|EXPONENTIAL_DECAY_RETRY
triggers[].triggerConfig.runOptions.deadLetterQueue             object
triggers[].triggerConfig.runOptions.deadLetterQueue.Arn         text
`

// needed are the fields of a trigger's configuration that must be there, by its type.
var needed = map[string][]string{
	"timer":       {"cronExpression", "enable"},
	"eventbridge": {"asyncInvocationType", "eventRuleFilterPattern", "eventSinkConfig", "eventSourceConfig", "runOptions", "triggerEnable"},
}

// rule is what the schema says of a field.
type rule struct {
	kind        string
	values      []string
	least, most float64
	step        float64
	must        bool
}

var bounds = regexp.MustCompile(`^([0-9.]+)\.\.([0-9.]+)$`)

// rules reads the schema, by field.
func rules() map[string]rule {
	out := map[string]rule{}
	for line := range strings.Lines(strings.TrimSpace(schema)) {
		words := strings.Fields(line)
		r := rule{kind: words[1], least: math.Inf(-1), most: math.Inf(1)}
		for _, word := range words[2:] {
			switch m := bounds.FindStringSubmatch(word); {
			case word == "!":
				r.must = true
			case m != nil:
				r.least, _ = strconv.ParseFloat(m[1], 64)
				r.most, _ = strconv.ParseFloat(m[2], 64)
			case word[0] == '/':
				r.step, _ = strconv.ParseFloat(word[1:], 64)
			default:
				r.values = strings.Split(word, "|")
			}
		}
		out[words[0]] = r
	}
	return out
}

// fits checks a value that JSON decoded against the schema, and what is in it. At is its
// place, as the schema writes it.
func fits(rules map[string]rule, at string, value any, f *faults, where string) {
	r, known := rules[at]
	if parent, _, inside := cutLast(at); !known && inside {
		r, known = rules[parent+".*"]
	}
	if at != "" && !known {
		f.check(false, "%s: the component has no field %s", where, at)
		return
	}
	kind, text := "object", fmt.Sprint(value)
	switch v := value.(type) {
	case map[string]any:
		inside(rules, at, v, f, where)
	case []any:
		kind = "list"
		for _, element := range v {
			fits(rules, at+"[]", element, f, where)
		}
	case string:
		kind = "text"
	case bool:
		kind = "boolean"
	case float64:
		kind = "number"
		f.check(v >= r.least && v <= r.most && (r.step == 0 || math.Mod(v, r.step) == 0), "%s: %s is %v, which is not within %v to %v, in steps of %v", where, at, v, r.least, r.most, r.step)
	}
	if at == "" {
		return
	}
	f.check(kind == r.kind, "%s: %s is %s, want %s", where, at, kind, r.kind)
	f.check(r.values == nil || slices.Contains(r.values, text), "%s: %s is %q, want one of %q", where, at, text, r.values)
}

// inside checks the fields of an object, and that those are there which must be.
func inside(rules map[string]rule, at string, o map[string]any, f *faults, where string) {
	prefix := at
	if at != "" {
		prefix += "."
	}
	for name, value := range o {
		fits(rules, prefix+name, value, f, where)
	}
	for place, r := range rules {
		parent, name, _ := cutLast(place)
		_, has := o[name]
		f.check(!r.must || parent != at || has || strings.HasSuffix(name, "]"), "%s: %s is missing", where, place)
	}
	if at != "triggers[]" {
		return
	}
	config, _ := o["triggerConfig"].(map[string]any)
	for _, name := range needed[fmt.Sprint(o["triggerType"])] {
		_, has := config[name]
		f.check(has, "%s: %s.triggerConfig.%s is missing", where, at, name)
	}
}

func cutLast(place string) (parent, name string, inside bool) {
	i := strings.LastIndexByte(place, '.')
	if i < 0 {
		return "", place, false
	}
	return place[:i], place[i+1:], true
}

// decoded is a value as JSON decodes it, with the shell's variables.
func decoded(v any) any {
	switch v := v.(type) {
	case object:
		out := map[string]any{}
		for _, item := range v {
			out[fmt.Sprint(item.Key)] = decoded(item.Value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = decoded(v[i])
		}
		return out
	case string:
		return inShell(v)
	case uint64:
		return float64(v)
	}
	return v
}

// TestTheSchemaSeesEveryFault puts one fault after another into a function's props.
func TestTheSchemaSeesEveryFault(t *testing.T) {
	good, err := json.Marshal(decoded(mustRead(t).functions[1].props))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"no fault":              {"", "", ""},
		"an unknown field":      {`"cpu":`, `"cpus":`, "the component has no field cpus"},
		"an unknown field deep": {`"PushRetryStrategy":`, `"pushRetryStrategy":`, "no field triggers[].triggerConfig.runOptions.retryStrategy.pushRetryStrategy"},
		"a text for a number":   {`"timeout":60`, `"timeout":"60"`, "timeout is text, want number"},
		"a number for a text":   {`"GOMAXPROCS":"1"`, `"GOMAXPROCS":1`, "environmentVariables.GOMAXPROCS is number, want text"},
		"null":                  {`"role":"`, `"role":null,"description":"`, "role is object, want text"},
		"another value":         {`"runtime":"go1"`, `"runtime":"go2"`, `runtime is "go2", want one of`},
		"too much":              {`"cpu":0.2`, `"cpu":17`, "cpu is 17, which is not within 0.05 to 16"},
		"between two steps":     {`"memorySize":256`, `"memorySize":250`, "memorySize is 250"},
		"a field that is gone":  {`"handler":`, `"description":`, "handler is missing"},
		"one that is gone deep": {`"project":`, `"logstore":`, "logConfig.project is missing"},
		"a trigger's":           {`"triggerEnable":`, `"enable":`, "triggers[].triggerConfig.triggerEnable is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			var props any
			if !strings.Contains(string(good), c.old) {
				t.Fatalf("%s does not occur", c.old)
			}
			if err := json.Unmarshal([]byte(strings.Replace(string(good), c.old, c.new, 1)), &props); err != nil {
				t.Fatal(err)
			}
			var f faults
			fits(rules(), "", props, &f, "f")
			if c.want == "" && len(f) > 0 || c.want != "" && !slices.ContainsFunc(f, func(s string) bool { return strings.Contains(s, c.want) }) {
				t.Errorf("faults %q, want %q", f, c.want)
			}
		})
	}
}
