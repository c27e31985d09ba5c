package ecs

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/fault"
)

// Options says how a Server behaves. Only Dir and Keys are required.
type Options struct {
	// Listen is where the service listens: on loopback only, for it runs shell
	// scripts.
	Listen access.Listen
	// Dir is the folder in which each instance gets its own; it is made if it
	// does not exist.
	Dir string
	// Path is the bbolt file of the acknowledged state; empty means memory.
	Path string
	// Keys are the accepted access keys.
	Keys *access.Keys
	// Region and Account name the place; default "cn-hangzhou" and
	// "1234567890123456".
	Region, Account string
	// Now is the clock for everything that has a date: signatures, tokens'
	// age, throttled minutes, the quota's day, heartbeats, and the times in
	// answers and events. Delays are measured on the machine's own clock.
	// Default time.Now.
	Now func() time.Time
	// Faults plans failures of calls; nil means none.
	Faults *fault.Set
	// Emit gets each service event. One goroutine calls it; later events and
	// Close wait while it runs. It may be nil.
	Emit   func(CloudEvent)
	Delays Delays
	// Throttle is the number of calls accepted in a calendar minute, by
	// action; an action that is missing or 0 is not limited.
	Throttle map[string]int
	// Quota is the number of accepted RunCommand and InvokeCommand calls a
	// day; 0 means no limit.
	Quota int
	// Retain is how many invocations the server keeps. It forgets ended ones
	// and their runs over that number, the oldest first, and after 30 days.
	// Default 10,000.
	Retain int
	// NewCommandID makes the ids of the commands that CreateCommand saves, for
	// callers that must know them before; nil means random ids.
	NewCommandID func() string
	// NewInvokeID makes the ids of invocations, for callers that need the same
	// ids in every run; nil means random ids.
	NewInvokeID func() string
}

// Delays are the waits of the real service, all settable so that a test or a
// demo can shorten them. Zero means the default, a negative value means none.
type Delays struct {
	// Boot is the time from Boot to the first heartbeat; default 20 s.
	Boot time.Duration
	// Accept is how long RunCommand and InvokeCommand take before they have
	// an effect; default none.
	Accept time.Duration
	// Pickup is the time until a ready agent starts a command; default
	// 200 ms.
	Pickup time.Duration
	// AbortAfter is how long a command stays Pending before it ends as
	// Aborted; default 1 min.
	AbortAfter time.Duration
	// VisibleAfter is how long an accepted invocation is missing from the
	// Describe calls; default none.
	VisibleAfter time.Duration
	// TokenTTL is how long a ClientToken is remembered; default 24 h.
	TokenTTL time.Duration
	// MinTimeout is what shorter timeouts are raised to; default 10 s.
	MinTimeout time.Duration
	// MinRate is the shortest interval of rate(...); default 60 s.
	MinRate time.Duration
	// HeartbeatEvery is the time between two heartbeats; default 60 s.
	HeartbeatEvery time.Duration
	// HeartbeatValid is how long a heartbeat makes CloudAssistantStatus true;
	// default 2 min.
	HeartbeatValid time.Duration
}

func (d Delays) withDefaults() Delays {
	set := func(value *time.Duration, standard time.Duration) {
		if *value == 0 {
			*value = standard
		}
		*value = max(*value, 0)
	}
	set(&d.Boot, 20*time.Second)
	set(&d.Accept, 0)
	set(&d.Pickup, 200*time.Millisecond)
	set(&d.AbortAfter, time.Minute)
	set(&d.VisibleAfter, 0)
	set(&d.TokenTTL, 24*time.Hour)
	set(&d.MinTimeout, 10*time.Second)
	set(&d.MinRate, time.Minute)
	set(&d.HeartbeatEvery, time.Minute)
	set(&d.HeartbeatValid, 2*time.Minute)
	d.HeartbeatEvery = max(d.HeartbeatEvery, time.Millisecond)
	return d
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("no folder for the instances is given")
	}
	if o.Keys == nil {
		return o, errors.New("no access keys are given")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, fmt.Errorf("resolve the folder of the instances: %w", err)
	}
	o.Dir = dir
	if o.Region == "" {
		o.Region = "cn-hangzhou"
	}
	if o.Account == "" {
		o.Account = "1234567890123456"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewCommandID == nil {
		o.NewCommandID = func() string { return newID("c-") }
	}
	if o.NewInvokeID == nil {
		o.NewInvokeID = func() string { return newID("t-") }
	}
	if o.Retain <= 0 {
		o.Retain = 10_000
	}
	o.Delays = o.Delays.withDefaults()
	return o, nil
}
