package cloud_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aftercare/tests/localcloud/cloud"
	"aftercare/tests/localcloud/ecs"
)

// dist is the folder with the built probe.
var dist string

func TestMain(m *testing.M) {
	if o := os.Getenv("CLOUD_TEST_CHILD"); o != "" {
		child(o)
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "cloud-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		dist = dir
		build := exec.Command("go", "build", "-o", filepath.Join(dir, "probe", "probe"), "./testdata/probe")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build the probe: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// probes is a project with the probe as two functions.
const probes = `edition: 3.0.0
name: probes
vars:
  common: &common
    region: ${env('REGION')}
    runtime: go1
    code: ./dist/probe
    handler: probe
    role: acs:ram::${env('ACCOUNT')}:role/probe
resources:
  events:
    component: fc3
    props:
      <<: *common
      functionName: events
      timeout: 20
      logConfig: {project: probe-logs, logstore: functions}
      environmentVariables:
        AFTERCARE_TABLESTORE_ENDPOINT: https://real.example.com
        OWN: ${env('OWN')}
      triggers:
        - triggerName: ecs
          triggerType: eventbridge
          triggerConfig:
            eventRuleFilterPattern: '{"source":["acs.ecs"],"type":["ecs:CloudAssistant:FirstHeartbeat","test"]}'
            runOptions: {retryStrategy: {PushRetryStrategy: EXPONENTIAL_DECAY_RETRY}}
  ticks:
    component: fc3
    props:
      <<: *common
      functionName: ticks
      triggers:
        - triggerName: hourly
          triggerType: timer
          triggerConfig: {cronExpression: '@every 1h', payload: 'tick'}
        - triggerName: data
          triggerType: eventbridge
          triggerConfig:
            eventRuleFilterPattern: '{"type":["data-only"]}'
            eventSinkConfig: {deliveryOption: {eventSchema: RawData}}
        - triggerName: later
          triggerType: eventbridge
          triggerConfig:
            asyncInvocationType: true
            eventRuleFilterPattern: '{"type":["asynchronous"]}'
`

// lab is a running local cloud with the probes.
type lab struct {
	*cloud.Client
	t     *testing.T
	ctx   context.Context
	cloud *cloud.Cloud
	seen  string // what the probes recorded
}

// options are those of a lab, in folders of the test's own.
func options(t *testing.T) cloud.Options {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "s.yaml")
	if err := os.WriteFile(file, []byte(probes), 0o600); err != nil {
		t.Fatal(err)
	}
	return cloud.Options{
		Data: filepath.Join(dir, "data"), Project: file, Dist: dist, RetryScale: 0.01,
		Delays: ecs.Delays{Boot: -1, Pickup: -1},
		Env:    map[string]string{"PROBE_RECORD": filepath.Join(dir, "seen")},
	}
}

func up(t *testing.T, o cloud.Options) *lab {
	t.Helper()
	c, err := cloud.Up(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(func() {
		cancel()
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &lab{
		Client: &cloud.Client{URL: c.Endpoints().Control}, t: t, ctx: ctx, cloud: c, seen: o.Env["PROBE_RECORD"],
	}
}

// must ends the test at an error.
func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// recorded is what the probes recorded, a line each.
func (l *lab) recorded() []string {
	l.t.Helper()
	text, err := os.ReadFile(l.seen)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// waitRecorded waits until the probes have recorded n lines.
func (l *lab) waitRecorded(n int) []string {
	l.t.Helper()
	for {
		lines := l.recorded()
		if len(lines) >= n && lines[0] != "" {
			return lines
		}
		select {
		case <-l.ctx.Done():
			l.t.Fatalf("the probes recorded %q, want %d lines", lines, n)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func touch(path string) error { return os.WriteFile(path, nil, 0o600) }

func event(kind, id string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(
		`{"specversion":"1.0","source":"acs.ecs","type":%q,"id":%q,"data":{"instanceId":"i-%s"}}`, kind, id, id))
}

// ids are the ids of recorded events.
func ids(t *testing.T, lines []string) []string {
	t.Helper()
	var out []string
	for _, line := range lines {
		var e struct{ ID string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("recorded %q: %v", line, err)
		}
		out = append(out, e.ID)
	}
	return out
}
