package deploy_test

import (
	"math/rand/v2"
	"strings"
	"testing"
)

var checks = []func(*document, *faults){
	checkNames, checkOrder, checkLimits, checkReserved, checkLogs, checkAsync,
	checkEnvironment, checkBinding, checkTriggers, checkPatterns,
}

func check(t *testing.T, text string) faults {
	t.Helper()
	d, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	var f faults
	for _, c := range checks {
		c(d, &f)
	}
	return f
}

func TestTheDeploymentIsTrue(t *testing.T) {
	for _, fault := range check(t, shipped(t)) {
		t.Error(fault)
	}
}

// TestEveryFaultIsSeen puts one fault after another into the deployment; with -short,
// about a third of them, which are drawn: each runs alone, too, by its name.
func TestEveryFaultIsSeen(t *testing.T) {
	text := shipped(t)
	for name, c := range map[string]struct{ old, new, want string }{
		"another edition":                   {"edition: 3.0.0", "edition: 1.0.0", "edition is not 3.0.0"},
		"another name":                      {"\nname: aftercare", "\nname: after", "the name is not aftercare"},
		"a resource without a folder":       {"\n  sweep:\n", "\n  sweeper:\n", "sweeper: there is no program functions/sweeper"},
		"a folder without a resource":       {"\n  sweep:\n", "\n  sweeper:\n", "functions/sweep is no resource"},
		"another component":                 {"component: fc3", "component: fc", "dead-letters: the component is not fc3"},
		"a runtime that the SDK cannot use": {"runtime: go1", "runtime: custom.debian12", "dead-letters: the runtime is not go1"},
		"another function's name":           {"functionName: aftercare-sweep", "functionName: sweep", "sweep: functionName is another"},
		"another function's code":           {"code: ${vars.root}dist/sweep", "code: ${vars.root}dist/submit-task", "sweep: code is not ./dist/sweep"},
		"another handler":                   {"handler: sweep", "handler: main", "sweep: handler is not the binary's name"},
		"no description":                    {"description: Finishes what was left, once a minute.", "description: ''", "sweep: it has no description"},
		"another function's role":           {"role: ${vars.rolePrefix}sweep", "role: ${vars.rolePrefix}submit-task", "sweep: its role is not its own"},
		"another function's build":          {"run: make dist/sweep", "run: make dist/submit-task", "sweep: it is not built before it is deployed"},

		"another order of keys": {"cpu: 0.2\n      memorySize: 256", "memorySize: 256\n      cpu: 0.2", "props has the keys"},
		"a key of its own":      {"      diskSize: 512\n", "      diskSize: 512\n      instanceConcurrency: 1\n", "props has the keys"},
		"too little memory":     {"memorySize: 256", "memorySize: 100", "memorySize is not a multiple of 64"},
		"odd memory":            {"memorySize: 256", "memorySize: 250", "memorySize is not a multiple of 64"},
		"odd cpu":               {"cpu: 0.2", "cpu: 0.12", "cpu is not a multiple of 0.05"},
		"too much cpu":          {"cpu: 0.2", "cpu: 0.5", "0.50 GB for each core"},
		"too little cpu":        {"cpu: 0.2", "cpu: 0.05", "5.00 GB for each core"},
		"another disk":          {"diskSize: 512", "diskSize: 1024", "diskSize is not 512 or 10240"},
		"no timeout":            {"timeout: 120", "timeout: 0", "submit-task: timeout is not 1 to 300 s"},
		"too long a timeout":    {"timeout: 120", "timeout: 301", "submit-task: timeout is not 1 to 300 s"},
		"a timeout without a reason": {
			"no harm, but the second finds little to do.\n", "no harm.\n      # \n      instanceConcurrency: 1\n",
			"a timeout has no comment before it",
		},
		"another reserved concurrency": {"reservedConcurrency: 4", "reservedConcurrency: 2", "alerts: its reserved concurrency is not 4"},
		"no internet":                  {"internetAccess: true", "internetAccess: false", "cannot reach ECS"},
		"a log project in the file":    {"project: ${env('LOG_PROJECT')}", "project: mine", "logConfig needs a project"},
		"no logstore":                  {"    logstore: ${env('LOG_STORE')}\n", "", "logConfig needs a project"},
		"another rule for log lines":   {"logBeginRule: DefaultRegex", "logBeginRule: First", "logBeginRule is not"},

		"retries for another qualifier": {"    qualifier: ${vars.qualifier}\n    maxAsync", "    qualifier: other\n    maxAsync", "task-completed: its retries are for other, and its triggers invoke LATEST"},
		"too many asynchronous tries":   {"maxAsyncRetryAttempts: 8", "maxAsyncRetryAttempts: 9", "maxAsyncRetryAttempts is not 0 to 8"},
		"too long asynchronously":       {"InSeconds: 21600", "InSeconds: 3000000", "maxAsyncEventAgeInSeconds is not"},
		"no asynchronous tries":         {"maxAsyncRetryAttempts: 8\n    destination", "maxAsyncRetryAttempts: 0\n    destination", "submit-task: an asynchronous invocation can be lost"},
		"another destination":           {":functions/aftercare-dead-letters", ":functions/aftercare-sweep", "submit-task: an asynchronous invocation can be lost"},
		"dead letters that come back": {
			"maxAsyncRetryAttempts: 8\n      # Triggers", "maxAsyncRetryAttempts: 8\n        destinationConfig: {onFailure: {destination: a}}\n      # Triggers",
			"dead-letters: it is not tried 8 times, or what it fails on comes back",
		},
		"a timer's destination": {
			"maxAsyncRetryAttempts: 0\n", "maxAsyncRetryAttempts: 0\n        destinationConfig: {onFailure: {destination: a}}\n",
			"sweep: a timer's invocations need no destination",
		},

		"two threads on a part of a core":  {"    GOMAXPROCS: '1'\n", "", "task-completed: GOMAXPROCS is for a part of a core"},
		"one thread on a core":             {"cpu: 0.2\n      memorySize: 256", "cpu: 1\n      memorySize: 1024", "dead-letters: GOMAXPROCS is for a part of a core"},
		"a setting that nobody knows":      {"    AFTERCARE_LOG_LEVEL:", "    AFTERCARE_LOGLEVEL:", "sweep: AFTERCARE_LOGLEVEL is not a setting of this function"},
		"a setting that cannot be set":     {"    AFTERCARE_TABLE_TTL: ${env('AFTERCARE_TABLE_TTL', '180')}\n", "", "sweep: AFTERCARE_TABLE_TTL is \"\", want \"${env('AFTERCARE_TABLE_TTL', '180')}\""},
		"another default":                  {"'1200')}", "'12')}", "sweep: AFTERCARE_SENDS_PER_MINUTE is \"${env('AFTERCARE_SENDS_PER_MINUTE', '12')}\""},
		"another variable":                 {"${env('AFTERCARE_TASK_TTL'", "${env('TASK_TTL'", "sweep: AFTERCARE_TASK_TTL is \"${env('TASK_TTL'"},
		"a secret in the file":             {"${env('AFTERCARE_WEBHOOK_SECRET', '')}", "hush", `alerts: AFTERCARE_WEBHOOK_SECRET is "hush"`},
		"a secret as a default":            {"${env('AFTERCARE_WEBHOOK_SECRET', '')}", "${env('AFTERCARE_WEBHOOK_SECRET', 'hush')}", "alerts: AFTERCARE_WEBHOOK_SECRET is"},
		"a secret for all functions":       {"    GOMAXPROCS: '1'\n", "    GOMAXPROCS: '1'\n    AFTERCARE_WEBHOOK_URL: ${env('AFTERCARE_WEBHOOK_URL', '')}\n", "sweep: AFTERCARE_WEBHOOK_URL is not a setting of this function"},
		"what does not concern alerts":     {"        AFTERCARE_ALERT_WAIT:", "        AFTERCARE_TASK_TTL: ${vars.environment.AFTERCARE_TASK_TTL}\n        AFTERCARE_ALERT_WAIT:", "alerts: AFTERCARE_TASK_TTL is not a setting of this function"},
		"alerts without a secret":          {"        AFTERCARE_DINGTALK_SECRET: ${env('AFTERCARE_DINGTALK_SECRET', '')}\n", "", "alerts: AFTERCARE_DINGTALK_SECRET is"},
		"a required setting that is gone":  {"    AFTERCARE_TABLESTORE_INSTANCE: ${env('AFTERCARE_TABLESTORE_INSTANCE')}\n", "", "the settings are refused: AFTERCARE_TABLESTORE_INSTANCE is missing"},
		"a required setting in the file":   {"${env('AFTERCARE_TABLESTORE_INSTANCE')}", "mine", `sweep: AFTERCARE_TABLESTORE_INSTANCE is "mine"`},
		"two of one setting that disagree": {"'AFTERCARE_TASK_TTL', '168h'", "'AFTERCARE_TASK_TTL', '9000h'", "the settings are refused: AFTERCARE_TASK_TTL must be at most half"},
		"an account in the file":           {"account: ${env('ALIBABA_CLOUD_ACCOUNT_ID')}", "account: '1234567890123456'", `"1234567890123456" belongs to one account`},
		"an endpoint in the file":          {"'AFTERCARE_DINGTALK_URL', ''", "'AFTERCARE_DINGTALK_URL', 'https://a.cn-hangzhou.aliyuncs.com'", `"a.cn-hangzhou.aliyuncs.com" belongs to one account`},
		"an access key in the file":        {"'info'", "'LTAI5tExample'", `"LTAI5tExample" belongs to one account`},
		"a region in the file":             {"region: ${env('ALIBABA_CLOUD_REGION_ID')}", "region: cn-hangzhou", "its region does not come from the shell"},
		"a role of an account in the file": {"acs:ram::${env('ALIBABA_CLOUD_ACCOUNT_ID')}", "acs:ram::1234", "its role's account does not come from the shell"},

		"a trigger without a name":          {"triggerName: minute", "triggerName: ''", "sweep: a trigger's name is missing"},
		"a trigger for a version":           {"          qualifier: ${vars.qualifier}", "          qualifier: '1'", "the trigger ecs is not for LATEST"},
		"an unknown trigger":                {"triggerType: timer", "triggerType: http", `a trigger of type "http" is not expected`},
		"a trigger behind one on events":    {"runOptions: ${vars.serviceEvents.runOptions}\n", "runOptions: ${vars.serviceEvents.runOptions}\n        - {triggerName: t, triggerType: timer}\n", "follows one of type eventbridge"},
		"a trigger that is not enabled":     {"triggerEnable: true", "triggerEnable: false", "triggerEnable is not true"},
		"an asynchronous trigger":           {"asyncInvocationType: false", "asyncInvocationType: true", "asyncInvocationType is not false"},
		"a pattern that is no text":         {`'{"source":["acs.ecs"],"type":["ecs:CloudAssistant:TaskCompleted"]}'`, "{source: [acs.ecs]}", "eventRuleFilterPattern is not JSON in a text"},
		"another source":                    {"eventSourceType: Default", "eventSourceType: MNS", "eventSourceType is not Default"},
		"no source parameters":              {"      eventSourceParameters: {}\n", "", "eventSourceParameters is missing"},
		"only the data":                     {"eventSchema: CloudEvents", "eventSchema: RawData", "eventSchema is not CloudEvents"},
		"another mode":                      {"mode: event-driven", "mode: event-streaming", "mode is not event-driven"},
		"events that block others":          {"errorsTolerance: ALL", "errorsTolerance: NONE", "would block those behind it"},
		"fewer retries":                     {"EXPONENTIAL_DECAY_RETRY", "BACKOFF_RETRY", "not tried again for a day"},
		"no queue":                          {"        Arn: ${env('DEAD_LETTER_ARN')}\n", "        Arn: ''\n", "there is no dead-letter queue"},
		"a timer that is off":               {"enable: true\n", "enable: false\n", "sweep: a timer is not enabled"},
		"a timer that fires too seldom":     {"'@every 1m'", "'@every 5m'", "does not fire when wake-ups fall due"},
		"a timer of another form":           {"'@every 1m'", "''", "does not fire when wake-ups fall due"},
		"a sweep longer than its period":    {"timeout: 55", "timeout: 60", "sweep: an invocation may last until after the next"},
		"a round longer than its period":    {"little to do.\n      timeout: 55\n      internetAccess: true\n      role: ${vars.rolePrefix}alerts", "little to do.\n      timeout: 60\n      internetAccess: true\n      role: ${vars.rolePrefix}alerts", "alerts: an invocation may last until after the next"},
		"a timer's payload that is no JSON": {"payload: '{}'", "payload: '{'", "the timer's payload is not JSON"},

		"a pattern with a fault":            {`"type":["ecs:CloudAssistant:TaskCompleted"]`, `"type":[{"like":"ecs"}]`, "task-completed: its pattern is refused"},
		"a pattern that matches too much":   {`,"type":["ecs:CloudAssistant:TaskCompleted"]`, ``, "task-completed: its pattern matches instance-state/cloudevent.json: true"},
		"a pattern that matches too little": {`"type":["ecs:CloudAssistant:TaskCompleted"]`, `"type":["CloudAssistant:TaskCompleted"]`, "task-completed: its pattern matches no fixture"},
		"a pattern of another's events":     {`ecs:CloudAssistant:FirstHeartbeat`, `ecs:CloudAssistant:TaskCompleted`, "first-heartbeat: its pattern matches task-completed/cloudevent.json: true"},
		"no trigger on events":              {"triggerType: eventbridge", "triggerType: timer", "task-completed: it has fixtures of events: true, a trigger on events: false"},
	} {
		if testing.Short() && rand.IntN(3) > 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(text, c.old) {
				t.Fatalf("%q does not occur in s.yaml", c.old)
			}
			found := check(t, strings.Replace(text, c.old, c.new, 1))
			for _, fault := range found {
				if strings.Contains(fault, c.want) {
					return
				}
			}
			t.Errorf("faults %q, want one with %q", found, c.want)
		})
	}
}
