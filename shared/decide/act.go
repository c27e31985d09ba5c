package decide

import "time"

// Act is the record of what a person did.
type Act struct {
	// Key is the input's: an act that is recorded again is the same record.
	Key  string    `json:"key"`
	Kind ActKind   `json:"kind"`
	At   time.Time `json:"at"`
	// What is what it was done to, such as "flow restart-api", and Outcome what
	// came of it, in the words of its answer.
	What    string `json:"what"`
	Outcome string `json:"outcome"`
	// By and Reason are that person's own words.
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// ActOutcomes are the words of Act.Outcome. That of a submission counts several.
var ActOutcomes = []string{
	Stopped, AlreadyStopped, Resumed, NotStopped, cancelled, stopping, string(FlowStarted), string(FlowWaits), string(FlowDryRun),
	string(TaskQueued), string(TaskReleasing), Refused, Silenced, Acknowledged, SilenceEnded,
}

// What comes of the acts on alerts.
const (
	Silenced     = "silenced"
	Acknowledged = "acknowledged"
	SilenceEnded = "ended"
)

// ActKind is what a person did.
type ActKind string

// The kinds of act.
const (
	ActStop   ActKind = "stop"
	ActResume ActKind = "resume"
	ActCancel ActKind = "cancel"
	ActRetry  ActKind = "retry"
	ActSubmit ActKind = "submit" // for several instances
	// Of alerts.
	ActSilence ActKind = "silence"
	ActExpire  ActKind = "expire"
)

// ActsID stands for an instance where the acts on no single instance are kept.
const ActsID = "~acts"
