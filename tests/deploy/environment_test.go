package deploy_test

import (
	"fmt"
	"regexp"
	"strings"

	"aftercare/shared/handler"
)

// fromEnv matches a value from the deploying shell; a variable with an empty
// default may be missing there.
var fromEnv = regexp.MustCompile(`^\$\{env\('[A-Z_]+'(, '')?\)\}$`)

var envCall = regexp.MustCompile(`\$\{env\('([A-Z_]+)'(?:, '([^']*)')?\)\}`)

// maxEnvironment is Function Compute's limit for all variables of a function, in
// bytes. A value from the shell counts as 256.
const (
	maxEnvironment = 4096
	longValue      = 256
)

const (
	// alerts is the function that has the channels, and alone their secrets.
	alerts = "alerts"
	// deadLetters is the function that gets what others failed on.
	deadLetters = "dead-letters"
)

// checkEnvironment: the functions get only settings that they know, all that
// they require, and no secret from this file. One with a part of a core runs one
// thread at a time.
func checkEnvironment(d *document, f *faults) {
	known := map[string]handler.Variable{}
	for _, v := range handler.Variables() {
		known[v.Name] = v
	}
	for _, fn := range d.functions {
		environment := fn.props.object("environmentVariables")
		given, size := map[string]bool{}, 0
		for _, item := range environment {
			name, value := fmt.Sprint(item.Key), fmt.Sprint(item.Value)
			given[name] = true
			size += len(name) + len(envCall.ReplaceAllString(value, strings.Repeat("x", longValue)))
			if name == "GOMAXPROCS" && value == "1" {
				continue
			}
			v, ok := known[name]
			f.check(ok, "%s: %s is not a setting", fn.key, name)
			f.check(!v.Secret || fromEnv.MatchString(value), "%s: the secret %s is in this file", fn.key, name)
			f.check(!v.Required || fromEnv.MatchString(value) && !strings.Contains(value, ","),
				"%s: %s is bound to an account and must come from the shell", fn.key, name)
		}
		for _, v := range known {
			f.check(!v.Required || given[v.Name], "%s: the required setting %s is missing", fn.key, v.Name)
			f.check(!v.Secret || given[v.Name] == (fn.key == alerts), "%s: the secret %s is for the function alerts, and only for it", fn.key, v.Name)
		}
		f.check(given["GOMAXPROCS"] == (fn.props.number("cpu") < 1), "%s: GOMAXPROCS is for a part of a core", fn.key)
		f.check(size <= maxEnvironment, "%s: its variables may have %d bytes, %d are allowed", fn.key, size, maxEnvironment)
		if _, err := handler.FromEnv(deployed(environment)); err != nil {
			f.check(false, "%s: the settings are refused: %v", fn.key, err)
		}
	}
}

// deployed returns a function's environment, deployed from a shell that has only
// the required variables.
func deployed(environment object) []string {
	shell := map[string]string{
		"AFTERCARE_TABLESTORE_ENDPOINT": "https://aftercare.cn-hangzhou.ots.aliyuncs.com",
		"AFTERCARE_TABLESTORE_INSTANCE": "aftercare",
	}
	var out []string
	for _, item := range environment {
		value := envCall.ReplaceAllStringFunc(fmt.Sprint(item.Value), func(call string) string {
			m := envCall.FindStringSubmatch(call)
			if v, ok := shell[m[1]]; ok {
				return v
			}
			return m[2]
		})
		out = append(out, fmt.Sprint(item.Key)+"="+value)
	}
	return out
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
