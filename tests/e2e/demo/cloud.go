package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"aftercare/shared/handler"
	"aftercare/shared/ledger"
	"aftercare/shared/transport"
	"aftercare/tests/localcloud/cloud"
)

// delays are the settings that the demo shortens, so that it ends within a
// minute. Each text says what is delayed, and for how long in a deployment.
var delays = []struct{ flag, value, what string }{
	{"--boot-delay", "300ms", "from an instance's start to its first heartbeat (about 20 s)"},
	{"--abort-after", "3s", "until a command is aborted because its agent is gone (1 min)"},
	{"--timeout", "4s", "the functions' timeouts (60 s)"},
	{"--timer-scale", "0.0167", "which makes the time between two sweeps, and rounds of alerts, 1 s (1 min)"},
	{"--heartbeat-every", "1s", "between two heartbeats of an agent (1 min)"},
	{"--set", "AFTERCARE_AGENT_CHECK_FIRST=1s", "until a silent agent's status is asked (2 min)"},
	{"--set", "AFTERCARE_END_MARGIN=1s", "until an overdue command's end is asked for (3 min)"},
	{"--set", "AFTERCARE_STOP_CHECK=1s", "how often what a stop holds is looked at (5 min)"},
	{"--set", "AFTERCARE_CLAIM_GRACE=2s", "how long a claim outlives its invocation (60 s)"},
	{"--set", "AFTERCARE_WAKE_PRECISION=1s", "the precision of wake-ups (1 min)"},
	{"--set", "AFTERCARE_DEADLINE_MARGIN=200ms", "time kept free before a function's deadline (1 s)"},
	{"--set", "AFTERCARE_ALERT_WAIT=3s", "how long alerts are gathered for one message (30 s, then 5 min)"},
	{"--set", "AFTERCARE_ALERT_START=0s", "until a round of alerts begins after its timer (5 to 20 s)"},
}

// running is the local cloud's process, with the clients to talk to it.
type running struct {
	*cloud.Client
	info   cloud.Info
	ledger *ledger.Ledger
	// tool is the operator's program, env says how it finds the local cloud.
	tool   string
	env    map[string]string
	data   string
	cmd    *exec.Cmd
	out    bytes.Buffer
	exited chan struct{} // closed when the process has ended
	err    error         // of the process
}

// start starts the local cloud on free ports with a fresh data folder.
func start(ctx context.Context, bin, tool, dist, project, shipped string) (c *running, err error) {
	data, err := os.MkdirTemp("", "aftercare-demo-")
	if err != nil {
		return nil, fmt.Errorf("make a data folder: %w", err)
	}
	flows, err := storeFlows(data, shipped)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(data))
	}
	alerts := filepath.Join(data, "alerts.yaml")
	if err := os.WriteFile(alerts, ownAlerts, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("write alerts.yaml: %w", err), os.RemoveAll(data))
	}
	args := []string{
		"up", "--free-ports", "--data", filepath.Join(data, "cloud"), "--dist", dist, "--project", project,
		"--set", "AFTERCARE_FLOWS=" + flows, "--set", "AFTERCARE_ALERTS=" + alerts,
	}
	fmt.Println("The local cloud runs with these delays shortened (a deployment's are in brackets):")
	for _, s := range delays {
		args = append(args, s.flag, s.value)
		fmt.Printf("  %-34s %s\n", strings.TrimPrefix(s.flag+" "+s.value, "--set "), s.what)
	}
	fmt.Printf("  %-34s %s\n\n", "backoff 2s of restart-api", "the longest wait before a step's next attempt (10 s, then 20 s)")
	fmt.Printf("It runs the flows of %s, and two of its own from tests/e2e/demo/flows.yaml.\n", shipped)
	fmt.Print("Alerts go where tests/e2e/demo/alerts.yaml says: to a webhook almost one by one, to a chat robot in groups.\n\n")
	c = &running{tool: tool, data: data, exited: make(chan struct{})}
	// Not bound to ctx: stop ends it in an orderly way.
	c.cmd = exec.Command(bin, args...)
	c.cmd.Stderr = &c.out
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the local cloud (make build builds it): %w", err)
	}
	ready := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if lines.Text() == "ready" {
				close(ready)
			}
		}
		c.err = c.cmd.Wait()
		close(c.exited)
	}()
	select {
	case <-ready:
	case <-c.exited:
		return nil, fmt.Errorf("the local cloud did not start: %w\n%s", c.err, c.out.String())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), c.stop())
	}
	if err := c.connect(ctx); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// connect finds the endpoints in the file that the local cloud wrote.
func (c *running) connect(ctx context.Context) error {
	env, err := readEnv(filepath.Join(c.data, "cloud", "env"))
	if err != nil {
		return err
	}
	c.env = env
	c.Client = &cloud.Client{URL: env["LOCALCLOUD_CONTROL"]}
	if c.info, err = c.Info(ctx); err != nil {
		return err
	}
	e := c.info.Endpoints
	c.ledger, err = ledger.Open(ctx, ledger.Config{
		Endpoint: e.Tablestore, Instance: e.TablestoreInstance, Transport: transport.NewPool(time.Now),
	}, transport.NewCredentials(e.AccessKeyID, e.AccessKeySecret, ""))
	return err
}

// readEnv reads lines of the form: export NAME='value'
func readEnv(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the local cloud's endpoints: %w", err)
	}
	env := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		if ok {
			env[name] = strings.Trim(value, `'"`)
		}
	}
	return env, nil
}

// stop ends the local cloud and removes its data.
func (c *running) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the local cloud: %w", err)
	}
	select {
	case <-c.exited:
	case <-time.After(20 * time.Second):
		return errors.Join(errors.New("the local cloud did not stop, it was killed"), c.cmd.Process.Kill())
	}
	if c.err != nil {
		return fmt.Errorf("the local cloud ended with: %w\n%s", c.err, c.out.String())
	}
	return os.RemoveAll(c.data)
}

func (c *running) logFile() string { return filepath.Join(c.data, "cloud", "functions.log") }

// printLogs prints what the functions logged.
func (c *running) printLogs(w io.Writer) {
	text, err := os.ReadFile(c.logFile())
	if err == nil {
		fmt.Fprintf(w, "\nThe functions' logs:\n%s\n", text)
	}
}

// givenUp counts the events that EventBridge could not deliver: those in its file, and
// those that the bus for dead letters brought into quarantine.
func (c *running) givenUp(ctx context.Context) (int, error) {
	dead, err := c.DeadLetters(ctx)
	n := len(dead)
	if err == nil {
		err = c.ledger.EachQuarantined(ctx, func(q ledger.Quarantined) error {
			if strings.HasPrefix(q.Reason, handler.ReasonDeadLetter) {
				n++
			}
			return nil
		})
	}
	return n, err
}
