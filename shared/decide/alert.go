package decide

import "time"

// AlertKind says what an alert is about.
type AlertKind string

// The kinds of alert.
const (
	AlertExecution      AlertKind = "execution"       // a command ended badly
	AlertFlowStopped    AlertKind = "flow-stopped"    // a flow was stopped by its chain or depth
	AlertOutcomeUnknown AlertKind = "outcome-unknown" // a command may or may not have run
	AlertTaskExpired    AlertKind = "task-expired"    // a queued task was given up
	AlertBootDeadline   AlertKind = "boot-deadline"   // a command waits for an instance that is not bootable in time
	AlertTaskInvalid    AlertKind = "task-invalid"    // a command was refused by the service
	AlertTaskDenied     AlertKind = "task-denied"     // a command is refused for want of a right, and tried again
	AlertFlow           AlertKind = "flow"            // the text of a flow's alert step
	AlertFlowFailed     AlertKind = "flow-failed"     // a run failed or timed out, and no other alert said so
	AlertFlowLimit      AlertKind = "flow-limit"      // a flow reached its limit on an instance
	AlertBreakerOpened  AlertKind = "breaker-opened"  // a flow starts no run anywhere, because too many failed
	AlertRepairs        AlertKind = "repairs"         // sweeps repair more than now and then
	AlertGivenUp        AlertKind = "given-up"        // a channel did not take alerts for a day
	AlertQuarantine     AlertKind = "quarantine"      // something that cannot be read was kept
	AlertDeadLetters    AlertKind = "dead-letters"    // events could not be delivered, and were kept
	AlertRefused        AlertKind = "refused"         // a submission that came as an event was refused
	AlertQuota          AlertKind = "quota"           // the account may start no command today
	AlertRight          AlertKind = "right-missing"   // a function is refused for want of a right
	AlertSweepMissing   AlertKind = "sweep-missing"   // no sweep comes
	AlertEventsSilent   AlertKind = "events-silent"   // ends are learned by asking, and no event reports one
)

// Severity says how soon a person must look.
type Severity string

// The severities, in PagerDuty's words, the most urgent first.
const (
	SeverityCritical Severity = "critical"
	SeverityError    Severity = "error"
	SeverityWarning  Severity = "warning"
	SeverityInfo     Severity = "info"
)

// Severities are all of them, the most urgent first.
var Severities = []Severity{SeverityCritical, SeverityError, SeverityWarning, SeverityInfo}

// severities are how severe alerts are, by kind, if no step says so. Critical is what waits for a person,
// or says that Aftercare does less than it should.
var severities = map[AlertKind]Severity{
	AlertExecution: SeverityError, AlertFlow: SeverityError, AlertFlowFailed: SeverityError, AlertFlowStopped: SeverityError, AlertTaskInvalid: SeverityError, AlertGivenUp: SeverityError,
	AlertTaskExpired: SeverityWarning, AlertBootDeadline: SeverityWarning, AlertFlowLimit: SeverityWarning,
	AlertOutcomeUnknown: SeverityCritical, AlertTaskDenied: SeverityCritical, AlertBreakerOpened: SeverityCritical, AlertRepairs: SeverityCritical,
	AlertQuarantine: SeverityError, AlertDeadLetters: SeverityError, AlertRefused: SeverityError,
	AlertQuota: SeverityCritical, AlertRight: SeverityCritical, AlertSweepMissing: SeverityCritical, AlertEventsSilent: SeverityCritical,
}

// Urgent reports whether people get it before anything else: it is critical, and not
// over.
func (a Alert) Urgent() bool { return a.Severity == SeverityCritical && !a.Recovered }

// Alert is one message to people. It carries no command text and no
// parameter values.
type Alert struct {
	Kept
	// Fingerprint is the same for every delivery of this alert.
	Fingerprint string    `json:"fingerprint"`
	Kind        AlertKind `json:"kind"`
	Severity    Severity  `json:"severity,omitempty"`
	// Lasting: a later alert with the same key says when it is over.
	Lasting bool `json:"lasting,omitempty"`
	// Recovered: what it reports is over.
	Recovered bool `json:"recovered,omitempty"`
	// Summary is one sentence: what happened, and what Aftercare did about it.
	Summary     string `json:"summary"`
	InstanceID  string `json:"instanceId,omitempty"`
	Region      string `json:"region,omitempty"`
	CommandName string `json:"commandName,omitempty"`
	InvokeID    string `json:"invokeId,omitempty"`
	TaskID      string `json:"taskId,omitempty"`
	Flow        string `json:"flow,omitempty"`
	Step        string `json:"step,omitempty"` // of the flow
	// RunID is the run whose end or step raised the alert.
	RunID string `json:"runId,omitempty"`
	// Route is the route of alerts.yaml that the flow's step asks for.
	Route string `json:"route,omitempty"`
	// Runbook is the address of what people should do.
	Runbook string `json:"runbook,omitempty"`
	// Labels are those of the task, each under itself, Tags those of the instance.
	Labels map[string]string `json:"labels,omitempty"`
	Tags   map[string]string `json:"tags,omitempty"`
	// Output is the end of what the command printed, if its flow captured that.
	Output    string `json:"output,omitempty"`
	Status    string `json:"status,omitempty"`
	ExitCode  *int64 `json:"exitCode,omitempty"`
	ErrorCode string `json:"errorCode,omitempty"`
	ErrorDesc string `json:"errorDesc,omitempty"`
	// Requeued: the script never started, and its task waits again.
	Requeued bool `json:"requeued,omitempty"`
	// At is when it happened, in UTC.
	At time.Time `json:"at"`
}
