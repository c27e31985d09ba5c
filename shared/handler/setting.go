package handler

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"aftercare/shared/decide"
	"aftercare/shared/event"
	"aftercare/shared/ledger"
	"aftercare/shared/mask"
	"aftercare/shared/transport"
)

// Settings are a function's settings, from its environment.
type Settings struct {
	Ledger ledger.Config
	// ECSEndpoint is empty for the region's own.
	ECSEndpoint string
	// FCEndpoint is empty for the account's own in the region.
	FCEndpoint string
	FlowsFile  string
	Alerts     Alerts
	Policy     decide.Policy
	// Need lists what events must have.
	Need event.Need
	// SendsPerMinute caps the commands sent by one function instance.
	SendsPerMinute int
	// Margin is the time between the end of all work and the invocation's
	// deadline.
	Margin   time.Duration
	Parallel int
	LogLevel zerolog.Level
}

// Alerts are the settings of the function alerts.
type Alerts struct {
	// File is alerts.yaml; if there is none, the channels with a URL are used.
	File                                                   string
	DingTalkURL, DingTalkSecret, WebhookURL, WebhookSecret transport.Secret
	// Wait replaces groupWait and groupInterval of all routes; nil leaves them.
	Wait *time.Duration
	// Start is how late a round starts at most: at least a quarter of it, by chance.
	Start time.Duration
}

// Variable is one environment variable that the settings know.
type Variable struct {
	Name string
	// Unit is the unit or the form of the value.
	Unit string
	// Range describes the allowed values for people; empty if all are.
	Range    string
	Default  string
	Required bool
	Secret   bool
	Doc      string

	set func(*Settings, string) error
}

// Variables lists every variable that the settings know, in the order of
// functions/README.md.
func Variables() []Variable { return slices.Clone(variables) }

var variables = []Variable{
	{
		Name: "AFTERCARE_TABLESTORE_ENDPOINT", Unit: "URL", Required: true,
		Doc: "the Tablestore instance's endpoint; https, or http to a loopback address",
		set: func(s *Settings, v string) error { s.Ledger.Endpoint = v; return checkEndpoint(v, transport.Endpoint) },
	},
	{
		Name: "AFTERCARE_TABLESTORE_INSTANCE", Unit: "name", Required: true,
		Doc: "the Tablestore instance's name",
		set: func(s *Settings, v string) error { s.Ledger.Instance = v; return checkWord(v) },
	},
	{
		Name: "AFTERCARE_ECS_ENDPOINT", Unit: "host or URL", Default: "ecs.<region>.aliyuncs.com",
		Doc: "where Cloud Assistant is called; https, or http to a loopback address",
		set: func(s *Settings, v string) error {
			s.ECSEndpoint = v
			return checkEndpoint(v, transport.HostOrEndpoint)
		},
	},
	{
		Name: "AFTERCARE_FC_ENDPOINT", Unit: "host or URL", Default: "<account>.<region>.fc.aliyuncs.com",
		Doc: "where Function Compute is called, to wake the function alerts; https, or http to a loopback address",
		set: func(s *Settings, v string) error {
			s.FCEndpoint = v
			return checkEndpoint(v, transport.HostOrEndpoint)
		},
	},
	{
		Name: "AFTERCARE_FLOWS", Unit: "path", Default: "flows.compiled",
		Doc: "the flows as 'aftercare flows compile' stores them, relative to the function's code",
		set: func(s *Settings, v string) error { s.FlowsFile = v; return nil },
	},
	{
		// Off, because a rule may deliver bare data, and anybody who may invoke
		// a function can forge an envelope.
		Name: "AFTERCARE_EVENTS_NEED", Unit: "parts, comma separated", Default: "none",
		Range: "envelope, account, id, or none",
		Doc:   "what an event must have; one that lacks it goes to quarantine. Guards against rules that deliver something else than was meant, not against callers",
		set:   setNeed,
	},
	{
		Name: "AFTERCARE_ALERT_ON", Unit: "statuses, comma separated", Default: "Failed,Timeout,Aborted",
		Range: "Success, Failed, Timeout, Aborted, Invalid, Cancelled, Terminated, or none",
		Doc:   "which ends of commands raise an alert; unknown final words count as Failed",
		set:   setAlertOn,
	},
	{
		Name: "AFTERCARE_ALERTS", Unit: "path", Default: "alerts.yaml",
		Doc: "where alerts go, relative to the function's code; without that file, to the robot and the webhook below. For the function alerts",
		set: func(s *Settings, v string) error { s.Alerts.File = v; return nil },
	},
	{
		Name: "AFTERCARE_ALERT_WAIT", Unit: "duration", Range: "none, or a duration up to 1h", Default: "none",
		Doc: "replaces groupWait and groupInterval of all routes, to try things out. For the function alerts",
		set: func(s *Settings, v string) error {
			if v == "none" {
				return nil
			}
			s.Alerts.Wait = new(time.Duration)
			return setDuration(v, 0, time.Hour, s.Alerts.Wait)
		},
	},
	duration("AFTERCARE_ALERT_START", "20s", "0s", "30s", "how late after its timer a round begins, at most; at least a quarter of it, by chance, because chats refuse more at full minutes. For the function alerts",
		func(s *Settings) *time.Duration { return &s.Alerts.Start }),
	secret("AFTERCARE_DINGTALK_URL", "URL", "a DingTalk robot's webhook, with its access_token. For the function alerts", func(s *Settings) *transport.Secret { return &s.Alerts.DingTalkURL }),
	secret("AFTERCARE_DINGTALK_SECRET", "text", "the robot's signing secret. For the function alerts", func(s *Settings) *transport.Secret { return &s.Alerts.DingTalkSecret }),
	secret("AFTERCARE_WEBHOOK_URL", "URL", "any receiver of alerts as JSON, as Standard Webhooks has them. For the function alerts", func(s *Settings) *transport.Secret { return &s.Alerts.WebhookURL }),
	secret("AFTERCARE_WEBHOOK_SECRET", "text", "signs what is sent to AFTERCARE_WEBHOOK_URL. For the function alerts", func(s *Settings) *transport.Secret { return &s.Alerts.WebhookSecret }),
	{
		Name: "AFTERCARE_MASK", Unit: "regular expressions, separated by spaces", Default: "none",
		Doc: `what looks like a secret, beside the usual forms: it is masked in records, in what commands printed, in alerts, and by the operator's tool, which reads the same variable. A space is written as \s`,
		set: func(s *Settings, v string) (err error) { s.Policy.Mask, err = mask.New(v); return err },
	},
	number("AFTERCARE_TABLE_TTL", "days", "180", 35, 3650, "how long rows live; must be the TTL with which the tables were created",
		func(s *Settings, n int) { s.Policy.TableTTL = days(n) }),
	{
		Name: "AFTERCARE_TASK_TTL", Unit: "duration", Default: "168h", Range: "1m to half of AFTERCARE_TABLE_TTL",
		Doc: "how long a task may wait for its instance, if its submission does not say",
		set: func(s *Settings, v string) error {
			return setDuration(v, time.Minute, days(3650)/2, &s.Policy.TaskTTL)
		},
	},
	number("AFTERCARE_SENDS_PER_MINUTE", "commands", "1200", 1, 10000, "how many commands one function instance may send in a minute, and so what a sweep sends of a backlog; the account's quota is shared with the console and other tools",
		func(s *Settings, n int) { s.SendsPerMinute = n }),
	number("AFTERCARE_MAX_RUNNING_PER_INSTANCE", "commands", "0", 0, 1000, "how many commands of Aftercare may be on their way or running on one instance; later ones wait for their ends. 0 means any number",
		func(s *Settings, n int) { s.Policy.MaxRunning = n }),
	duration("AFTERCARE_CLAIM_GRACE", "60s", "1s", "10m", "how long after its invocation's deadline a claim on a send or a message ends; below 60s the guarantees no longer hold on the real services",
		func(s *Settings) *time.Duration { return &s.Policy.ClaimGrace }),
	duration("AFTERCARE_WAKE_PRECISION", "1m", "100ms", "10m", "what counts as a minute: wake-ups are due at multiples of this, a throttled call waits for the next, and AFTERCARE_SENDS_PER_MINUTE is for one; the sweep's period",
		func(s *Settings) *time.Duration { return &s.Policy.Minute }),
	duration("AFTERCARE_AGENT_CHECK_FIRST", "2m", "100ms", "1h", "when the status of an agent that is not up is asked for first; each further question waits twice as long",
		func(s *Settings) *time.Duration { return &s.Policy.CheckFirst }),
	duration("AFTERCARE_AGENT_CHECK_MAX", "1h", "1s", "24h", "the longest time between two such questions",
		func(s *Settings) *time.Duration { return &s.Policy.CheckMax }),
	duration("AFTERCARE_END_MARGIN", "3m", "1s", "1h", "how long after its timeout the end of a running command is asked for, if no event reported it",
		func(s *Settings) *time.Duration { return &s.Policy.EndMargin }),
	duration("AFTERCARE_STOP_CHECK", "5m", "1s", "1h", "how often what a stop holds is looked at, and so how soon after a resume it goes",
		func(s *Settings) *time.Duration { return &s.Policy.HoldCheck }),
	duration("AFTERCARE_DEADLINE_MARGIN", "1s", "50ms", "10s", "how long before the invocation's deadline all work stops",
		func(s *Settings) *time.Duration { return &s.Margin }),
	number("AFTERCARE_REPAIRS_PER_HOUR", "repairs", "10", 0, 1000000, "how many repairs of one kind by sweeps within an hour raise an alert, because events may not arrive; 0 for none",
		func(s *Settings, n int) { s.Policy.RepairsPerHour = n }),
	number("AFTERCARE_SWEEP_PARALLEL", "instances", "32", 1, 100, "how many instances a sweep looks at together",
		func(s *Settings, n int) { s.Parallel = n }),
	{
		Name: "AFTERCARE_LOG_LEVEL", Unit: "level", Default: "info", Range: "debug, info, warn, error",
		Doc: "the least important lines that are logged",
		set: func(s *Settings, v string) (err error) {
			if !slices.Contains([]string{"debug", "info", "warn", "error"}, v) {
				return errors.New("must be debug, info, warn or error")
			}
			s.LogLevel, err = zerolog.ParseLevel(v)
			return err
		},
	},
}

// FromEnv reads the settings from an environment as os.Environ returns it.
// The error lists every mistake, with its variable and never its value. An
// unknown variable with Aftercare's prefix is a mistake, too: somebody misspelt
// a known one.
func FromEnv(environ []string) (Settings, error) {
	s := Settings{
		FlowsFile: "flows.compiled", Alerts: Alerts{File: "alerts.yaml", Start: 20 * time.Second}, Policy: decide.DefaultPolicy(), SendsPerMinute: 1200,
		Margin: time.Second, Parallel: 32, LogLevel: zerolog.InfoLevel,
	}
	s.Policy.AlertOn = map[event.Status]bool{
		event.StatusFailed: true, event.StatusTimeout: true, event.StatusAborted: true,
	}
	var mistakes []error
	values := map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
		known := slices.ContainsFunc(variables, func(v Variable) bool { return v.Name == name })
		if strings.HasPrefix(name, "AFTERCARE_") && !known {
			mistakes = append(mistakes, fmt.Errorf("%s is not a setting of Aftercare; functions/README.md lists them all", name))
		}
	}
	for _, v := range variables {
		value := values[v.Name]
		switch {
		case value != "":
			if err := v.set(&s, value); err != nil {
				mistakes = append(mistakes, fmt.Errorf("%s %w", v.Name, err))
			}
		case v.Required:
			mistakes = append(mistakes, fmt.Errorf("%s is missing: set it to %s", v.Name, v.Doc))
		}
	}
	if slices.Contains(strings.Split(values["DEBUG"], ","), "sdk") {
		mistakes = append(mistakes, errors.New("DEBUG must not name sdk: Alibaba Cloud's SDK would print whole signed requests into the log"))
	}
	for _, prefix := range []string{"AFTERCARE_DINGTALK", "AFTERCARE_WEBHOOK"} {
		if secret := values[prefix+"_SECRET"]; secret != "" && strings.TrimSpace(secret) == secret && values[prefix+"_URL"] == "" {
			mistakes = append(mistakes, fmt.Errorf("%s_SECRET is set, but %s_URL is not", prefix, prefix))
		}
	}
	if s.Policy.TaskTTL > s.Policy.TableTTL/2 {
		mistakes = append(mistakes, errors.New("AFTERCARE_TASK_TTL must be at most half of AFTERCARE_TABLE_TTL"))
	}
	for _, file := range []*string{&s.FlowsFile, &s.Alerts.File} {
		if code := values["FC_FUNC_CODE_PATH"]; code != "" && !filepath.IsAbs(*file) {
			*file = filepath.Join(code, *file)
		}
	}
	return s, errors.Join(mistakes...)
}

func setNeed(s *Settings, v string) error {
	s.Need = event.Need{}
	parts := map[string]*bool{"envelope": &s.Need.Envelope, "account": &s.Need.Account, "id": &s.Need.ID}
	if !eachWord(v, func(word string) bool {
		if parts[word] != nil {
			*parts[word] = true
		}
		return parts[word] != nil
	}) {
		return errors.New("must list parts of an event, such as envelope,account, or be none")
	}
	return nil
}

func setAlertOn(s *Settings, v string) error {
	s.Policy.AlertOn = map[event.Status]bool{}
	if !eachWord(v, func(word string) bool {
		s.Policy.AlertOn[event.Status(word)] = true
		return event.Status(word).Known()
	}) {
		return errors.New("must list statuses of Cloud Assistant, such as Failed,Timeout, or be none")
	}
	return nil
}

// eachWord reports whether all words of a list are known. The word none alone
// stands for an empty list.
func eachWord(v string, known func(word string) bool) bool {
	return v == "none" || !slices.ContainsFunc(strings.Split(v, ","), func(word string) bool { return !known(strings.TrimSpace(word)) })
}

func number(name, unit, preset string, least, most int, doc string, set func(*Settings, int)) Variable {
	return Variable{
		Name: name, Unit: unit, Default: preset, Range: fmt.Sprintf("%d to %d", least, most), Doc: doc,
		set: func(s *Settings, v string) error {
			n, err := strconv.Atoi(v)
			if err != nil || n < least || n > most {
				return fmt.Errorf("must be a whole number from %d to %d", least, most)
			}
			set(s, n)
			return nil
		},
	}
}

// duration is a variable with a range, whose ends are texts of durations.
func duration(name, preset, least, most, doc string, in func(*Settings) *time.Duration) Variable {
	return Variable{
		Name: name, Unit: "duration", Default: preset, Range: least + " to " + most, Doc: doc,
		set: func(s *Settings, v string) error {
			shortest, _ := time.ParseDuration(least)
			longest, _ := time.ParseDuration(most)
			return setDuration(v, shortest, longest, in(s))
		},
	}
}

func secret(name, unit, doc string, in func(*Settings) *transport.Secret) Variable {
	return Variable{
		Name: name, Unit: unit, Secret: true, Doc: doc,
		set: func(s *Settings, v string) error {
			*in(s) = transport.NewSecret(v)
			if unit == "URL" {
				_, err := transport.URL(v)
				return err
			}
			if strings.TrimSpace(v) != v {
				return errors.New("begins or ends with white space")
			}
			return nil
		},
	}
}

func setDuration(v string, least, most time.Duration, to *time.Duration) error {
	d, err := time.ParseDuration(v)
	if err != nil || d < least || d > most {
		return fmt.Errorf("must be a duration from %s to %s, such as 90s", least, most)
	}
	*to = d
	return nil
}

func checkEndpoint(v string, read func(string) (scheme, host string, err error)) error {
	_, _, err := read(v)
	return err
}

// checkWord checks the name of a Tablestore instance, which becomes a header's
// value.
func checkWord(v string) error {
	if len(v) > 64 || strings.ContainsFunc(v, func(r rune) bool { return !isAlphanumeric(r) && r != '-' && r != '_' }) {
		return errors.New("must be at most 64 letters, digits, - and _")
	}
	return nil
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
