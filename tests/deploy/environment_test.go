package deploy_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"aftercare/shared/handler"
)

// fromEnv matches a value from the deploying shell; a variable with an empty
// default may be missing there.
var fromEnv = regexp.MustCompile(`^\$\{env\('[A-Z_]+'(, '')?\)\}$`)

var envCall = regexp.MustCompile(`\$\{env\('([A-Z_]+)'(?:, '([^']*)')?\)\}`)

// maxEnvironment is Function Compute's limit for all variables of a function, in
// bytes. A required value and a secret, which the shell sets, count as 256, and what has
// a default as 48.
const (
	maxEnvironment = 4096
	longValue      = 256
	shortValue     = 48
)

const (
	// alerts is the function that has the channels, and alone their secrets.
	alerts = "alerts"
	// deadLetters is the function that gets what others failed on.
	deadLetters = "dead-letters"
)

// ofEach are the settings that concern each function. The others are for functions
// that decide, or for alerts, as they say.
var ofEach = []string{
	"AFTERCARE_TABLESTORE_ENDPOINT", "AFTERCARE_TABLESTORE_INSTANCE", "AFTERCARE_MASK", "AFTERCARE_DEADLINE_MARGIN", "AFTERCARE_LOG_LEVEL",
}

// concerns reports whether a setting concerns a function.
func concerns(v handler.Variable, key string) bool {
	if strings.Contains(v.Doc, "For the function alerts") {
		return key == alerts
	}
	return decides(key) || slices.Contains(ofEach, v.Name)
}

// fromShell is how a setting comes from the shell, with its default. One that the
// function computes is left empty.
func fromShell(v handler.Variable) string {
	switch {
	case v.Required:
		return fmt.Sprintf("${env('%s')}", v.Name)
	case strings.Contains(v.Default, "<"):
		return fmt.Sprintf("${env('%s', '')}", v.Name)
	}
	return fmt.Sprintf("${env('%s', '%s')}", v.Name, v.Default)
}

// checkEnvironment: each function gets all settings that concern it, and no others,
// from the shell or with their defaults. One with a part of a core runs one thread at
// a time.
func checkEnvironment(d *document, f *faults) {
	for _, fn := range d.functions {
		environment := fn.props.object("environmentVariables")
		size := 0
		var wanted []string
		for _, v := range handler.Variables() {
			if !concerns(v, fn.key) {
				continue
			}
			wanted = append(wanted, v.Name)
			size += len(v.Name) + shortValue
			if v.Required || v.Secret {
				size += longValue - shortValue
			}
			value := environment.text(v.Name)
			f.check(value == fromShell(v), "%s: %s is %q, want %q", fn.key, v.Name, value, fromShell(v))
		}
		for _, name := range environment.keys() {
			if name == "GOMAXPROCS" && environment.text(name) == "1" || name == "DEPLOYED_VERSION" {
				continue
			}
			f.check(slices.Contains(wanted, name), "%s: %s is not a setting of this function", fn.key, name)
		}
		f.check((environment.value("GOMAXPROCS") != nil) == (fn.props.number("cpu") < 1), "%s: GOMAXPROCS is for a part of a core", fn.key)
		f.check(environment.text("DEPLOYED_VERSION") == "${env('DEPLOYED_VERSION', 'unknown')}", "%s: a new version changes nothing that 'aftercare setup functions' could see", fn.key)
		f.check(size <= maxEnvironment, "%s: its variables may have %d bytes, %d are allowed", fn.key, size, maxEnvironment)
		if _, err := handler.FromEnv(deployed(environment)); err != nil {
			f.check(false, "%s: the settings are refused: %v", fn.key, err)
		}
	}
}

// deployed returns a function's environment, deployed from a shell that has only
// the required variables.
func deployed(environment object) []string {
	var out []string
	for _, item := range environment {
		out = append(out, fmt.Sprint(item.Key)+"="+inShell(fmt.Sprint(item.Value)))
	}
	return out
}

// shell are the variables without a default, for every overlay.
var shell = map[string]string{
	"ALIBABA_CLOUD_REGION_ID": "cn-hangzhou", "ALIBABA_CLOUD_ACCOUNT_ID": "1234567890123456", "LOG_PROJECT": "project", "LOG_STORE": "store",
	"DEAD_LETTER_ARN": "acs:eventbridge:cn-hangzhou:1234567890123456:eventbus/aftercare-dead", "VPC_ID": "vpc-1", "VSWITCH_ID": "vsw-1", "SECURITY_GROUP_ID": "sg-1",
	"AFTERCARE_TABLESTORE_ENDPOINT": "https://aftercare.cn-hangzhou.ots.aliyuncs.com", "AFTERCARE_TABLESTORE_INSTANCE": "aftercare",
}

// inShell replaces variables of the shell.
func inShell(text string) string {
	return envCall.ReplaceAllStringFunc(text, func(call string) string {
		m := envCall.FindStringSubmatch(call)
		if v, ok := shell[m[1]]; ok {
			return v
		}
		return m[2]
	})
}

var (
	account  = regexp.MustCompile(`\b[0-9]{12,16}\b`)
	hostname = regexp.MustCompile(`[a-z0-9.-]+\.aliyuncs\.com`)
	keyID    = regexp.MustCompile(`\b(LTAI|STS\.)[A-Za-z0-9]+`)
)

// checkBinding: nothing in the file belongs to one account.
func checkBinding(d *document, f *faults) {
	for _, form := range []*regexp.Regexp{account, hostname, keyID} {
		found := form.FindString(d.text)
		f.check(found == "", "%q belongs to one account", found)
	}
	for _, fn := range d.functions {
		f.check(fromEnv.MatchString(fn.props.text("region")), "%s: its region does not come from the shell", fn.key)
		f.check(strings.HasPrefix(fn.props.text("role"), "acs:ram::${env('ALIBABA_CLOUD_ACCOUNT_ID')}:role/"),
			"%s: its role's account does not come from the shell", fn.key)
	}
}
