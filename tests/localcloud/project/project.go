// Package project reads the project file of Serverless Devs (s.yaml, component
// fc3) into plain values: the functions, the folders of their code, and their
// triggers.
//
// It resolves ${vars.a.b}, ${env('NAME')}, ${env('NAME', 'default')},
// ${this.name}, ${this.props.a} and ${resources.x.props.a}, inside texts and
// in place of whole objects, anchors, aliases and merge keys. It reads only
// what a local cloud needs, and skips log settings, networks and actions with
// the references in them.
//
// It does not know templates (extend), ${file()}, ${json()}, ${path()},
// ${config()} and outputs of other resources, and reports a value that needs
// them as a mistake. Functions with a runtime other than go1, and triggers other than
// timers and events of cloud services, are left out and named in
// Project.LeftOut.
package project

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Project is what a project file declares.
type Project struct {
	Name string
	// Functions are in the order of the file.
	Functions []Function
	// LeftOut lists what the file declares and this package does not know, a
	// sentence each.
	LeftOut []string
}

// Function is one function with its configuration.
type Function struct {
	// Resource is the function's key in the file.
	Resource string
	Name     string
	Region   string
	// Code is the folder with the code, relative to the file's folder.
	Code    string
	Handler string
	// Role is empty if the function has none.
	Role string
	// LogProject and Logstore are where it logs; empty if the file does not say.
	LogProject, Logstore string
	Timeout              time.Duration // 3 s if the file does not say
	MemoryMB             int           // 512 if the file does not say
	// MaxInstances is how many instances are reserved, and so may be, at one time; 0
	// if the file does not say.
	MaxInstances int
	Env          map[string]string
	Async        Async
	Timers       []Timer
	Events       []EventTrigger
}

// Async configures asynchronous invocations. A number is nil if it is not in the
// file.
type Async struct {
	MaxAge     *time.Duration
	MaxRetries *int
	// OnFailure and OnSuccess are resource names of the destinations, for
	// example acs:fc:cn-hangzhou:123456789012:functions/keep.
	OnFailure, OnSuccess string
	// Qualifier is what they hold for, or empty.
	Qualifier string
}

// Timer is an enabled timer trigger.
type Timer struct {
	Name    string
	Cron    string
	Payload string
	// Qualifier is a version or an alias of the function, or empty.
	Qualifier string
}

// EventTrigger is an enabled trigger on the events of cloud services. Function
// Compute makes a rule for it on EventBridge's bus default.
type EventTrigger struct {
	Name string
	// Pattern is the rule's, a JSON object.
	Pattern string
	// Retry is BACKOFF_RETRY, EXPONENTIAL_DECAY_RETRY or empty; Tolerance ALL,
	// NONE or empty.
	Retry, Tolerance string
	// DeadLetters is the name of a queue, topic or bus, or empty.
	DeadLetters string
	// Qualifier is a version or an alias of the function, or empty.
	Qualifier string
	// Disabled says that the rule takes no events.
	Disabled bool
	// Async says that the function is invoked asynchronously.
	Async bool
	// DataOnly says that the function gets an event's data instead of the
	// whole event.
	DataOnly bool
}

// Read reads a project file. Lookup returns the values of environment variables.
// The error holds Mistakes, or a Missing with every variable for which lookup
// has no value, or both.
func Read(path string, lookup func(name string) (string, bool)) (*Project, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the project: %w", err)
	}
	return Parse(filepath.Base(path), text, lookup)
}

// Parse is Read for a text, which mistakes refer to as file.
func Parse(file string, text []byte, lookup func(name string) (string, bool)) (*Project, error) {
	r := &reader{file: file, lookup: lookup, missing: map[string]bool{}}
	p := &Project{}
	if r.root = r.parse(string(text)); r.root != nil {
		r.project(p)
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return p, nil
}
