package command

import (
	"fmt"
	"strings"
	"time"
)

// The types of command that Cloud Assistant knows.
const (
	RunShellScript      = "RunShellScript"
	RunBatScript        = "RunBatScript"
	RunPowerShellScript = "RunPowerShellScript"
)

// Limits of Cloud Assistant. Their source is the documentation of RunCommand
// and InvokeCommand, unless a rule of the package comment gives another.
const (
	MaxName       = 128 // characters, the marker included
	MaxWorkingDir = 200 // characters
	MaxUsername   = 255 // characters
	MinTimeout    = 10 * time.Second
	MaxTimeout    = 24 * time.Hour
	// MaxEncoded is the size of a command that the service does not keep: 24 KB
	// of base64, parameters included.
	MaxEncoded = 24 << 10
	// MaxParameters is Aftercare's own limit: parameters become part of a script.
	MaxParameters       = 20
	MaxInvokeParameters = 10
	MaxParameterName    = 64 // bytes
	// MaxInvokeBytes bounds the names and values of a saved command's
	// parameters together. They count towards its content's MaxEncoded.
	MaxInvokeBytes = MaxEncoded / 4 * 3
)

// Command is one command for one instance. Exactly one of Run and Invoke is
// set.
type Command struct {
	Run    *Run    `json:"run,omitempty"`
	Invoke *Invoke `json:"invoke,omitempty"`
}

// Name is what people see: a run's given name, or the saved command's id.
func (c Command) Name() string {
	switch {
	case c.Run != nil:
		return c.Run.Name
	case c.Invoke != nil:
		return c.Invoke.CommandID
	}
	return ""
}

// Timeout is how long the command may run; 0 means the service's default.
func (c Command) Timeout() time.Duration {
	switch {
	case c.Run != nil:
		return c.Run.Timeout.D()
	case c.Invoke != nil:
		return c.Invoke.Timeout.D()
	}
	return 0
}

// Run is a command with its content. Its JSON names are the keys of a
// submission and of a flow's step; flow.Definition explains the other tags.
type Run struct {
	// Name is the given name, which people see. OnWire derives the service's.
	Name string `json:"name" doc:"the command's name, <flow>/<step> if it is not given" form:"line" range:"1 128"`
	// Type is RunShellScript, RunBatScript or RunPowerShellScript.
	Type string `json:"type" doc:"the kind of script" words:"RunShellScript RunBatScript RunPowerShellScript"`
	// Content is the script without its parameters, as its author wrote it.
	Content string `json:"content" doc:"the script" need:"write the script" form:"text"`
	// Timeout is in whole seconds; 0 means the service's 60 s.
	Timeout    Duration `json:"timeout,omitempty" doc:"how long the script may run, in whole seconds" form:"seconds" range:"10s 24h" default:"60s"`
	WorkingDir string   `json:"workingDir,omitempty" doc:"the folder in which the script runs, as an absolute path" form:"line" range:"0 200" example:"/opt"`
	Username   string   `json:"username,omitempty" doc:"the user who runs the script" form:"line" range:"0 255" example:"admin"`
	// Parameters reach the script as environment variables. In flows, their
	// values may contain ${{ }}.
	Parameters map[string]string `json:"parameters,omitempty" doc:"environment variables of the script; in their values ${{ }} enclose expressions"`
}

// Invoke is a command that is saved in Cloud Assistant.
type Invoke struct {
	CommandID string `json:"commandId" doc:"the saved command's id" need:"write the saved command's id, which begins with c-" form:"command-id" example:"c-hz01abcdefghijk"`
	// Timeout is in whole seconds; 0 means the saved command's own.
	Timeout  Duration `json:"timeout,omitempty" doc:"how long the command may run, in whole seconds, if not as long as was saved with it" form:"seconds" range:"10s 24h"`
	Username string   `json:"username,omitempty" doc:"the user who runs the command" form:"line" range:"0 255" example:"admin"`
	// Parameters: the service puts them into the content without quoting. In
	// flows, their values may contain ${{ }}.
	Parameters map[string]string `json:"parameters,omitempty" doc:"the saved command's parameters; in their values ${{ }} enclose expressions"`
}

// Duration is a time.Duration that is written with the units h, m and s, such
// as 1h30m or 1.5s.
type Duration time.Duration

// D is the duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// MarshalText writes the duration.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String is the duration without the zeros that time.Duration writes: 1h, not
// 1h0m0s.
func (d Duration) String() string {
	text := time.Duration(d).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if n := len(text) - len(zero); n > 0 && text[n:] == zero {
			text = text[:n+1]
		}
	}
	return text
}

// UnmarshalText reads what MarshalText writes.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || !plainUnits(string(text)) {
		return fmt.Errorf("%.40q is not a duration", text)
	}
	*d = Duration(v)
	return nil
}

// plainUnits reports whether a duration that Go can read has no sign, no units
// under a second, a unit even for 0, and digits on both sides of each point.
func plainUnits(text string) bool {
	digit := false // the last character is one
	for i, c := range text {
		switch {
		case c == '.' && (!digit || i+1 == len(text) || text[i+1] < '0' || text[i+1] > '9'), !strings.ContainsRune("0123456789.hms", c):
			return false
		case c == 'h' || c == 'm' || c == 's':
			if !digit {
				return false
			}
		}
		digit = c >= '0' && c <= '9'
	}
	return !digit
}
