package main

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"aftercare/scripts/internal/cli"
	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/cloud"
)

// ports lists the services of up with their default ports, which are unassigned
// and below those that systems hand out. README.md lists them, too.
var ports = []struct {
	service, title string
	port           int
	address        func(*cloud.Listen) *string
}{
	{"tablestore", "Tablestore", 14301, func(l *cloud.Listen) *string { return &l.Tablestore }},
	{"ecs", "ECS", 14302, func(l *cloud.Listen) *string { return &l.ECS }},
	{"functioncompute", "Function Compute", 14303, func(l *cloud.Listen) *string { return &l.FunctionCompute }},
	{"eventbridge", "EventBridge", 14304, func(l *cloud.Listen) *string { return &l.EventBridge }},
	{"inbox", "the inbox", 14305, func(l *cloud.Listen) *string { return &l.Inbox }},
	{"control", "the control surface", 14306, func(l *cloud.Listen) *string { return &l.Control }},
	{"ram", "Resource Access Management", 14307, func(l *cloud.Listen) *string { return &l.RAM }},
	{"sls", "Simple Log Service", 14308, func(l *cloud.Listen) *string { return &l.SLS }},
	{"cloudmonitor", "CloudMonitor", 14309, func(l *cloud.Listen) *string { return &l.CloudMonitor }},
}

// listenFlags adds --listen-SERVICE for each service.
func listenFlags(flags *pflag.FlagSet, to *cloud.Listen) {
	for _, p := range ports {
		flags.StringVar(p.address(to), "listen-"+p.service, fmt.Sprintf("127.0.0.1:%d", p.port), "the `address` of "+p.title)
	}
}

// freePorts puts the services without an address flag on free ports.
func freePorts(flags *pflag.FlagSet, l *cloud.Listen) {
	for _, p := range ports {
		if !flags.Changed("listen-" + p.service) {
			*p.address(l) = ""
		}
	}
}

const remoteUsage = "allow addresses that other machines can reach"

// remoteWarning is what --allow-remote prints.
const remoteWarning = `warning: with --allow-remote, other machines may reach this local cloud. Nothing is
encrypted, and whoever has the access key may do everything; events and alerts
may be sent without one.
`

// explainListen adds to the error of a refused address what the user can do. An
// address that no system would take is a mistake in the command line.
func explainListen(err error, flag func(service string) string) error {
	var refused *access.ListenError
	if !errors.As(err, &refused) {
		return err
	}
	switch {
	case refused.Taken():
		return fmt.Errorf("%w: give another address with %s", err, flag(refused.Service))
	case errors.Is(err, access.ErrRemote):
		return cli.Usage(fmt.Errorf("%w: --allow-remote allows it", err))
	case refused.Refused():
		return cli.Usage(err)
	}
	return err
}
