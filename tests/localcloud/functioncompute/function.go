package functioncompute

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Function is one function and its configuration.
type Function struct {
	// Name is 1 to 64 letters, digits, "_" and "-", and does not start with a
	// digit or "-".
	Name string
	// Dir is the folder with the code, and the working directory.
	Dir string
	// Handler is the path of the binary inside Dir.
	Handler string
	// Region and Account go into headers and environment.
	Region  string
	Account string
	// Role is the role that the function assumes. Without one it gets no
	// credentials, as on FC.
	Role string
	// Log is where the service writes a line for each invocation.
	Log LogConfig
	// Timeout is 3 s if zero. It may have parts of a second, which are rounded
	// up in the timeout that the function sees.
	Timeout time.Duration
	// MemoryMB is the memory that the function sees as its own, 512 if zero.
	MemoryMB int
	// Env is the function's own environment.
	Env    map[string]string
	Timers []Timer
	// Events are its event triggers, whose rules exist; calls can read and change
	// them.
	Events []EventTrigger
	// Aliases are names for the latest code, beside LATEST. Empty ones, LATEST
	// itself and versions count for nothing.
	Aliases []string
	// MaxInstances bounds the instances that exist at one time, 100 if zero.
	MaxInstances int
	// AsyncMaxRetries is how often an asynchronous invocation is repeated
	// after a function error: 3 if zero, never if negative.
	AsyncMaxRetries int
	// AsyncMaxAge is how old an asynchronous invocation may get, 5 h if zero.
	// Options.AsyncScale scales it.
	AsyncMaxAge time.Duration
	// AsyncQualifier is the qualifier that what is said of asynchronous invocations
	// holds for, LATEST if empty.
	AsyncQualifier string
	// OnFailure and OnSuccess get the outcome of asynchronous invocations.
	OnFailure Destination
	OnSuccess Destination
}

// Timer is a timer trigger.
type Timer struct {
	Name string
	// Cron is "@every 5m" or six fields, seconds first, in UTC.
	Cron    string
	Payload string
	// Qualifier is a version or an alias; LATEST if empty.
	Qualifier string
}

// Destination is where the outcome of an asynchronous invocation goes: a
// function, a file that gets one JSON line each, or nowhere.
type Destination struct {
	Function string
	File     string
	// ARN is the resource name that calls see.
	ARN string
}

// function is a checked Function with its instances.
type function struct {
	Function
	binary string
	// version is empty for LATEST.
	version string
	pool    pool
}

// maxEnvBytes is FC's limit on all keys and values of Env.
const maxEnvBytes = 4096

var (
	namePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`)
	envPattern  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	// reservedEnv are the names that FC keeps for itself, besides FC_*.
	reservedEnv = map[string]bool{
		"accessKeyID": true, "accessKeySecret": true, "securityToken": true, "topic": true,
		"ALIBABA_CLOUD_ACCESS_KEY_ID": true, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": true,
		"ALIBABA_CLOUD_SECURITY_TOKEN": true,
	}
)

func newFunction(f Function) (*function, error) {
	if !namePattern.MatchString(f.Name) {
		return nil, errors.New("name must be 1 to 64 letters, digits, _ and -, and start with a letter or _")
	}
	if f.Timeout == 0 {
		f.Timeout = 3 * time.Second
	}
	if f.MemoryMB == 0 {
		f.MemoryMB = 512
	}
	if f.MaxInstances == 0 {
		f.MaxInstances = 100
	}
	switch {
	case f.AsyncMaxRetries == 0:
		f.AsyncMaxRetries = asyncDefaults.maxRetries
	case f.AsyncMaxRetries < 0:
		f.AsyncMaxRetries = 0
	}
	if f.AsyncMaxAge == 0 {
		f.AsyncMaxAge = asyncDefaults.maxAge
	}
	switch {
	case f.Timeout < 0 || f.Timeout > 24*time.Hour:
		return nil, errors.New("timeout must be between 1 and 86400 seconds")
	case f.AsyncMaxRetries > 8:
		return nil, errors.New("asynchronous retries must be between 0 and 8")
	case f.MaxInstances < 0:
		return nil, errors.New("maximum of instances is negative")
	}
	dir, err := filepath.Abs(f.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the code folder: %w", err)
	}
	f.Dir = dir
	checked := &function{Function: f, binary: filepath.Join(dir, f.Handler)}
	if !filepath.IsLocal(f.Handler) {
		return nil, fmt.Errorf("handler %q is not a path inside the code folder", f.Handler)
	}
	if info, err := os.Stat(checked.binary); err != nil {
		return nil, fmt.Errorf("find the handler: %w", err)
	} else if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return nil, fmt.Errorf("handler %s is not an executable file", checked.binary)
	}
	if err := checkEnv(f.Env); err != nil {
		return nil, err
	}
	for _, t := range f.Timers {
		if _, err := newTimer(t); err != nil {
			return nil, fmt.Errorf("timer %q: %w", t.Name, err)
		}
	}
	checked.pool.max = f.MaxInstances
	return checked, nil
}

func checkEnv(env map[string]string) error {
	size := 0
	for k, v := range env {
		size += len(k) + len(v)
		if !envPattern.MatchString(k) {
			return fmt.Errorf("environment variable %q must start with a letter and hold letters, digits and _", k)
		}
		if strings.HasPrefix(k, "FC_") || reservedEnv[k] {
			return fmt.Errorf("environment variable %q is reserved", k)
		}
	}
	if size > maxEnvBytes {
		return fmt.Errorf("environment variables have %d bytes, more than %d", size, maxEnvBytes)
	}
	return nil
}

func (s *Server) checkDestinations(f *function) error {
	for _, d := range []Destination{f.OnFailure, f.OnSuccess} {
		if d.Function != "" && d.File != "" {
			return errors.New("a destination is a function or a file, not both")
		}
		if d.Function != "" && s.functions[d.Function] == nil {
			return fmt.Errorf("destination function %q does not exist", d.Function)
		}
	}
	return nil
}

// timeoutSeconds returns the timeout that the function sees, in whole seconds.
func (f *function) timeoutSeconds() int {
	return int((f.Timeout + time.Second - 1) / time.Second)
}
