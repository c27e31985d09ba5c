package project_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aftercare/tests/localcloud/project"
)

const complete = `edition: 3.0.0
name: fleet
access: default
vars:
  region: cn-hangzhou
  prefix: fleet-${vars.region}
  env: &env
    TABLES: ${env('TABLES')}
    LEVEL: ${env("LEVEL", "info")}
    COUNT: 7
    ON: true
  log: {project: logs, logstore: lines, enableRequestMetrics: true}
  network:
    vpcId: ${env('NOT_READ_LOCALLY')}
  rule:
    eventSourceConfig: {eventSourceType: Default, eventSourceParameters: {}}
    eventSinkConfig: {deliveryOption: {eventSchema: CloudEvents}}
resources:
  ended:
    component: fc3
    actions:
      pre-deploy: [{run: "echo ${anything}"}]
    props:
      region: ${vars.region}
      functionName: ${vars.prefix}-${this.name}
      runtime: go1
      code: ./dist/${this.name}
      handler: ended
      memorySize: 256
      timeout: 60
      role: acs:ram::${env('ACCOUNT')}:role/fleet
      environmentVariables: ${vars.env}
      logConfig: ${vars.log}
      vpcConfig: ${vars.network}
      asyncInvokeConfig:
        maxAsyncEventAgeInSeconds: 3600
        maxAsyncRetryAttempts: 0
        destinationConfig: {onFailure: {destination: "acs:fc:cn-hangzhou:1:functions/keep"}}
      triggers:
        - triggerName: events
          triggerType: eventbridge
          triggerConfig:
            triggerEnable: true
            asyncInvocationType: false
            eventRuleFilterPattern: '{"source":["acs.ecs"]}'
            eventSourceConfig: ${vars.rule.eventSourceConfig}
            eventSinkConfig: ${vars.rule.eventSinkConfig}
            runOptions: {mode: event-driven, retryStrategy: {PushRetryStrategy: EXPONENTIAL_DECAY_RETRY}}
        - triggerName: small
          triggerType: eventbridge
          qualifier: live
          triggerConfig:
            eventRuleFilterPattern: '{}'
            runOptions: {errorsTolerance: ALL, retryStrategy: {pushRetryStrategy: BACKOFF_RETRY}, deadLetterQueue: {arn: 'acs:mns:r:1:/queues/q'}}
        - triggerName: off
          triggerType: eventbridge
          triggerConfig: {triggerEnable: false, eventRuleFilterPattern: '{}'}
        - {triggerName: web, triggerType: http, triggerConfig: {}}
  tick:
    component: fc3
    props:
      region: ${resources.ended.props.region}
      functionName: tick
      runtime: go1
      code: {src: dist/tick}
      handler: bin/tick
      concurrencyConfig: {reservedConcurrency: 2}
      environmentVariables:
        <<: *env
        COUNT: ${env('COUNT')}
      triggers:
        - {triggerName: minute, triggerType: timer, triggerConfig: {enable: true, cronExpression: '@every 1m', payload: '{"op":"tick"}'}}
        - {triggerName: never, triggerType: timer, triggerConfig: {enable: false, cronExpression: '@every 1m'}}
  page:
    component: fc3
    props: {runtime: python3.10}
  bucket:
    component: oss
`

func lookup(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := values[name]
		return v, ok
	}
}

func TestAProjectIsReadWithItsReferences(t *testing.T) {
	got, err := project.Parse("s.yaml", []byte(complete), lookup(map[string]string{
		"TABLES": "http://127.0.0.1:1", "ACCOUNT": "42", "COUNT": "8",
	}))
	if err != nil {
		t.Fatal(err)
	}
	hour, none := time.Hour, 0
	want := &project.Project{
		Name: "fleet",
		Functions: []project.Function{
			{
				Resource: "ended", Name: "fleet-cn-hangzhou-ended", Region: "cn-hangzhou", Code: "./dist/ended",
				Handler: "ended", Role: "acs:ram::42:role/fleet", LogProject: "logs", Logstore: "lines", Timeout: time.Minute, MemoryMB: 256,
				Env: map[string]string{"TABLES": "http://127.0.0.1:1", "LEVEL": "info", "COUNT": "7", "ON": "true"},
				Async: project.Async{
					MaxAge: &hour, MaxRetries: &none, OnFailure: "acs:fc:cn-hangzhou:1:functions/keep",
				},
				Events: []project.EventTrigger{
					{Name: "events", Pattern: `{"source":["acs.ecs"]}`, Retry: "EXPONENTIAL_DECAY_RETRY"},
					{Name: "small", Pattern: `{}`, Retry: "BACKOFF_RETRY", Tolerance: "ALL", DeadLetters: "acs:mns:r:1:/queues/q", Qualifier: "live"},
				},
			},
			{
				Resource: "tick", Name: "tick", Region: "cn-hangzhou", Code: "dist/tick", Handler: "bin/tick",
				Timeout: 3 * time.Second, MemoryMB: 512, MaxInstances: 2,
				Env:    map[string]string{"TABLES": "http://127.0.0.1:1", "LEVEL": "info", "COUNT": "8", "ON": "true"},
				Timers: []project.Timer{{Name: "minute", Cron: "@every 1m", Payload: `{"op":"tick"}`}},
			},
		},
		LeftOut: []string{
			`trigger web of ended: type "http" is not imitated, only timer and eventbridge are`,
			`resource page: runtime "python3.10" is not imitated, only go1 is`,
			`resource bucket: component "oss" is not imitated, only fc3 is`,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("project (-want +got):\n%s", diff)
	}
}

func TestEveryMissingVariableIsNamed(t *testing.T) {
	_, err := project.Parse("s.yaml", []byte(complete), lookup(map[string]string{"COUNT": "8"}))
	var missing project.Missing
	if !errors.As(err, &missing) {
		t.Fatalf("got %v, want a Missing", err)
	}
	if diff := cmp.Diff(project.Missing{"ACCOUNT", "TABLES"}, missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	var mistakes project.Mistakes
	if errors.As(err, &mistakes) {
		t.Errorf("got mistakes besides: %v", mistakes)
	}
}

func TestMistakesSayWhere(t *testing.T) {
	props := func(lines string) string {
		return "edition: 3.0.0\nresources:\n  a:\n    component: fc3\n    props:\n" +
			"      region: r\n      functionName: a\n      runtime: go1\n      handler: a\n" + lines
	}
	for name, c := range map[string]struct{ text, want string }{
		"nothing at all":        {"", "s.yaml:1:1: the file is empty"},
		"no YAML":               {"a: [", "s.yaml:1:4: this is not YAML: sequence end token ']' not found"},
		"a list":                {"- a", "s.yaml:1:1: a project is an object with resources, this is a list"},
		"two documents":         {"edition: 3.0.0\n---\nedition: 3.0.0\n", "s.yaml:3:8: this is a second document: a project is one"},
		"an old edition":        {"edition: 1.0.0\nresources: {}\n", `s.yaml:1:10: edition must be 3.0.0, not "1.0.0"`},
		"no resources":          {"edition: 3.0.0\n", "s.yaml:1:1: resources is missing"},
		"no code":               {props(""), "s.yaml:6:7: code is missing"},
		"a variable of no name": {props("      code: ${vars.code}\n"), "s.yaml:10:13: ${vars.code} refers to nothing: there is no vars"},
		"an unknown source":     {props("      code: ${file('a')}\n"), "s.yaml:10:13: ${file('a')} is not known here: only ${vars.…}, ${env('…')}, ${this.…} and ${resources.….props.…} are"},
		"a circle":              {props("      code: ${this.props.role}\n      role: ${this.props.code}\n"), `s.yaml:10:13: the text "${this.props.role}" refers to itself`},
		"a timeout of words":    {props("      code: c\n      timeout: soon\n"), "s.yaml:11:16: timeout must be a whole number from 1 to 86400"},
		"an object in a text":   {props("      code: c\n      role: a${this.props}\n"), "s.yaml:11:13: ${this.props} is an object: it cannot stand inside a text"},
		"a list for an object":  {props("      code: c\n      environmentVariables: []\n"), "s.yaml:11:29: environmentVariables must be an object, not a list"},
		"a list for a text":     {props("      code: c\n      environmentVariables: {A: [1]}\n"), "s.yaml:11:33: A must be a text, not a list"},
		"an unknown alias":      {props("      code: *c\n"), "s.yaml:10:13: no anchor &c stands before this alias"},
		"a template":            {"edition: 3.0.0\nresources: {a: {component: fc3, extend: {name: t}}}\n", "s.yaml:2:33: templates (extend) are not read: use vars, or anchors"},
		"a pattern that is not JSON": {
			props("      code: c\n      triggers:\n        - triggerName: e\n          triggerType: eventbridge\n          triggerConfig: {eventRuleFilterPattern: '{'}\n"),
			"s.yaml:14:51: eventRuleFilterPattern must be a JSON object in a text",
		},
		"an unknown strategy": {
			props("      code: c\n      triggers: [{triggerName: e, triggerType: eventbridge, triggerConfig: {eventRuleFilterPattern: '{}', runOptions: {retryStrategy: {PushRetryStrategy: OFTEN}}}}]\n"),
			`s.yaml:11:155: PushRetryStrategy must be BACKOFF_RETRY or EXPONENTIAL_DECAY_RETRY, not "OFTEN"`,
		},
		"one function twice": {
			props("      code: c\n") + strings.TrimPrefix(props("      code: c\n"), "edition: 3.0.0\nresources:\n  a:\n")[0:0] +
				"  b:\n    component: fc3\n    props: {region: r, functionName: a, runtime: go1, handler: a, code: c}\n",
			"s.yaml:11:3: the function a is declared by a already",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := project.Parse("s.yaml", []byte(c.text), lookup(nil))
			if err == nil {
				t.Fatalf("got no error, want %s", c.want)
			}
			first, _, _ := strings.Cut(err.Error(), "\n")
			if first != c.want {
				t.Errorf("got  %s\nwant %s", first, c.want)
			}
		})
	}
}

func TestEveryMistakeIsReported(t *testing.T) {
	_, err := project.Parse("s.yaml", []byte(`edition: 3.0.0
resources:
  a:
    component: fc3
    props: {runtime: go1, timeout: 0, memorySize: x, role: "${env('ROLE')}"}
`), lookup(nil))
	want := `s.yaml:5:13: functionName is missing
s.yaml:5:13: region is missing
s.yaml:5:13: code is missing
s.yaml:5:13: handler is missing
s.yaml:5:36: timeout must be a whole number from 1 to 86400
s.yaml:5:51: memorySize must be a whole number from 128 to 32768
environment variables without a value: ROLE`
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

// FuzzParse parses anything. Run it with -fuzzminimizetime=10x:
// otherwise most of the time goes into making inputs smaller.
func FuzzParse(f *testing.F) {
	f.Add(complete)
	f.Add("edition: 3.0.0\nvars: {a: &a [*a]}\nresources: {a: {component: fc3, props: {<<: 1, runtime: '${vars.a}'}}}")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := project.Parse("s.yaml", []byte(text), lookup(nil))
		if (p == nil) != (err != nil) {
			t.Errorf("got project %v with error %v", p, err)
		}
	})
}
