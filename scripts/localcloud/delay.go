package main

import (
	"time"

	"github.com/spf13/pflag"

	"aftercare/tests/localcloud/ecs"
)

// delayFlags adds a flag for each wait of ECS.
func delayFlags(flags *pflag.FlagSet, d *ecs.Delays) {
	add := func(to *time.Duration, name, what string) {
		flags.Var((*delay)(to), name, what)
	}
	add(&d.Boot, "boot-delay", "from boot to the first heartbeat (default 20s)")
	add(&d.Accept, "accept", "until RunCommand and InvokeCommand have an effect (default 0)")
	add(&d.Pickup, "pickup", "until an agent starts a command (default 200ms)")
	add(&d.AbortAfter, "abort-after", "how long a command waits for its agent (default 1m)")
	add(&d.VisibleAfter, "visible-after", "how long an invocation cannot be seen (default 0)")
	add(&d.TokenTTL, "token-ttl", "how long a ClientToken is remembered (default 24h)")
	add(&d.MinTimeout, "min-timeout", "what shorter timeouts of commands are raised to (default 10s)")
	add(&d.MinRate, "min-rate", "the shortest interval of rate(...) (default 1m)")
	add(&d.HeartbeatEvery, "heartbeat-every", "between two heartbeats (default 1m)")
	add(&d.HeartbeatValid, "heartbeat-valid", "how long a heartbeat makes CloudAssistantStatus true (default 2m)")
}

// delay is a flag for a wait of a service, where zero means the default and a
// negative value means no wait.
type delay time.Duration

func (d *delay) Set(text string) error {
	v, err := time.ParseDuration(text)
	if v <= 0 {
		v = -1
	}
	*d = delay(v)
	return err
}

func (d *delay) String() string {
	if *d <= 0 {
		return ""
	}
	return time.Duration(*d).String()
}

func (*delay) Type() string { return "duration" }
