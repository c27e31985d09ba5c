package deploy_test

import (
	"math"
	"regexp"
	"slices"
	"strings"
)

// checkNames: there is one resource for each folder, and each function has one
// name everywhere.
func checkNames(d *document, f *faults) {
	f.check(d.top.text("edition") == "3.0.0", "edition is not 3.0.0")
	f.check(d.top.text("name") == "aftercare", "the name is not aftercare")
	var keys []string
	for _, fn := range d.functions {
		keys = append(keys, fn.key)
		f.check(slices.Contains(d.folders, fn.key), "%s: there is no program functions/%s", fn.key, fn.key)
		f.check(fn.resource.text("component") == "fc3", "%s: the component is not fc3", fn.key)
		f.check(fn.props.text("runtime") == "go1", "%s: the runtime is not go1, the only one that the SDK works in", fn.key)
		f.check(fn.props.text("functionName") == "aftercare-"+fn.key, "%s: functionName is another", fn.key)
		f.check(fn.props.text("code") == d.root()+"dist/"+fn.key, "%s: code is not %sdist/%s", fn.key, d.root(), fn.key)
		f.check(fn.props.text("handler") == fn.key, "%s: handler is not the binary's name", fn.key)
		f.check(fn.props.text("description") != "", "%s: it has no description", fn.key)
		f.check(strings.HasSuffix(fn.props.text("role"), ":role/aftercare-"+fn.key), "%s: its role is not its own", fn.key)
		built := false
		for _, action := range fn.resource.object("actions").list("pre-deploy") {
			a, _ := action.(object)
			built = built || a.text("run") == "make dist/"+fn.key && a.text("path") == d.root()
		}
		f.check(built, "%s: it is not built before it is deployed", fn.key)
	}
	for _, folder := range d.folders {
		f.check(slices.Contains(keys, folder), "functions/%s is no resource", folder)
	}
}

// reserved is the key of a function's reserved concurrency.
const reserved = "concurrencyConfig"

// checkOrder: all functions, and all triggers of one type, have the same keys
// in the same order. Only alerts has reserved concurrency.
func checkOrder(d *document, f *faults) {
	first := map[string][]string{}
	same := func(where, what string, o object) {
		if first[what] == nil {
			first[what] = o.keys()
		}
		keys := o.keys()
		if where == alerts {
			keys = slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return key == reserved })
		}
		f.check(slices.Equal(keys, first[what]), "%s: %s has the keys %v, elsewhere they are %v", where, what, keys, first[what])
	}
	for _, fn := range d.functions {
		same(fn.key, "resource", fn.resource)
		same(fn.key, "props", fn.props)
		for _, t := range fn.triggers {
			kind := t.text("triggerType")
			same(fn.key, "trigger", t)
			same(fn.key, kind+" triggerConfig", t.object("triggerConfig"))
		}
	}
}

// checkLimits: values are within Function Compute's limits, see
// https://www.alibabacloud.com/help/en/functioncompute/fc/api-fc-2023-03-30-createfunction.
func checkLimits(d *document, f *faults) {
	for _, fn := range d.functions {
		p := fn.props
		cpu, memory := p.number("cpu"), p.number("memorySize")
		f.check(memory >= 128 && memory <= 32768 && math.Mod(memory, 64) == 0,
			"%s: memorySize is not a multiple of 64 from 128 to 32768", fn.key)
		steps := cpu / 0.05
		f.check(cpu >= 0.05 && cpu <= 16 && math.Abs(steps-math.Round(steps)) < 1e-9,
			"%s: cpu is not a multiple of 0.05 from 0.05 to 16", fn.key)
		ratio := memory / 1024 / cpu
		f.check(ratio >= 1 && ratio <= 4, "%s: there are %.2f GB for each core, 1 to 4 are allowed", fn.key, ratio)
		disk := p.number("diskSize")
		f.check(disk == 512 || disk == 10240, "%s: diskSize is not 512 or 10240", fn.key)
		// An invocation by a trigger may take 5 minutes.
		timeout := p.number("timeout")
		f.check(timeout >= 1 && timeout <= 300, "%s: timeout is not 1 to 300 s", fn.key)
		f.check(p.value("internetAccess") == true || p.object("vpcConfig") != nil, "%s: it cannot reach ECS and the alerts' channels", fn.key)
	}
	f.check(!regexp.MustCompile(`(?m)^[^#\n]*\n\s+timeout:`).MatchString(d.text), "a timeout has no comment before it that gives its reason")
}

// checkReserved: what is critical finds an instance of alerts beside the timer's,
// and there are never more than these two.
func checkReserved(d *document, f *faults) {
	for _, fn := range d.functions {
		if fn.key == alerts {
			f.check(fn.props.object(reserved).number("reservedConcurrency") == 4, "alerts: its reserved concurrency is not 4")
		}
	}
}

// checkLogs: each function logs where the deployment says.
func checkLogs(d *document, f *faults) {
	for _, fn := range d.functions {
		log := fn.props.object("logConfig")
		f.check(fromEnv.MatchString(log.text("project")) && fromEnv.MatchString(log.text("logstore")),
			"%s: logConfig needs a project and a logstore of the account", fn.key)
		rule := log.text("logBeginRule")
		f.check(rule == "DefaultRegex" || rule == "None", "%s: logBeginRule is not DefaultRegex or None", fn.key)
	}
}

// checkAsync: a failed asynchronous invocation is retried, and then given to
// dead-letters, unless a timer will invoke the function again anyway. dead-letters is
// not given its own failures for ever.
func checkAsync(d *document, f *faults) {
	const keeper = "acs:fc:${env('ALIBABA_CLOUD_REGION_ID')}:${env('ALIBABA_CLOUD_ACCOUNT_ID')}:functions/aftercare-" + deadLetters
	for _, fn := range d.functions {
		async := fn.props.object("asyncInvokeConfig")
		age, tries := async.number("maxAsyncEventAgeInSeconds"), async.number("maxAsyncRetryAttempts")
		f.check(age >= 1 && age <= 2592000, "%s: maxAsyncEventAgeInSeconds is not 1 to 2592000", fn.key)
		invoked := "LATEST" // by whoever names no qualifier
		if len(fn.triggers) > 0 {
			invoked = d.qualifier()
		}
		f.check(async.text("qualifier") == invoked, "%s: its retries are for %s, and its triggers invoke %s", fn.key, async.text("qualifier"), invoked)
		f.check(tries >= 0 && tries <= 8, "%s: maxAsyncRetryAttempts is not 0 to 8", fn.key)
		switch to := fn.destination(); {
		case len(fn.ofType("timer")) > 0:
			f.check(to == "", "%s: a timer's invocations need no destination", fn.key)
		case fn.key == deadLetters:
			f.check(tries == 8 && to == "", "dead-letters: it is not tried 8 times, or what it fails on comes back")
		default:
			f.check(tries == 8 && to == keeper, "%s: an asynchronous invocation can be lost", fn.key)
		}
	}
}

// destination is where Function Compute gives a function's failed asynchronous
// invocations; empty if nowhere.
func (fn function) destination() string {
	return fn.props.object("asyncInvokeConfig").object("destinationConfig").object("onFailure").text("destination")
}
