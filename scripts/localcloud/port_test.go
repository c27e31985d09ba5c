package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"aftercare/tests/localcloud/cloud"
)

// posing is a listener on a free port that claims to have the requested one.
type posing struct {
	*net.TCPListener
	asked net.Addr
}

func (p posing) Addr() net.Addr { return p.asked }

// pose is a listen function of posing listeners.
func pose(network, address string) (net.Listener, error) {
	asked, err := net.ResolveTCPAddr(network, address)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen(network, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return posing{l.(*net.TCPListener), asked}, nil
}

// options are up's options without flags, except for the project.
func options(t *testing.T) cloud.Options {
	t.Helper()
	o := cloud.Options{Data: filepath.Join(t.TempDir(), "data"), Open: pose}
	listenFlags(pflag.NewFlagSet("up", pflag.ContinueOnError), &o.Listen)
	return o
}

// readiness closes itself at the line "ready".
type readiness chan struct{}

func (r readiness) Write(p []byte) (int, error) {
	if string(p) == "ready\n" {
		close(r)
	}
	return len(p), nil
}

func TestARestartKeepsTheFileForShells(t *testing.T) {
	o := options(t)
	var files []string
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ready, ended := make(readiness), make(chan error, 1)
		go func() { ended <- up(ctx, o, ready) }()
		select {
		case <-ready:
		case err := <-ended:
			t.Fatal(err)
		}
		text, err := os.ReadFile(environmentPath(o.Data))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, string(text))
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	if files[0] != files[1] || !strings.Contains(files[0], "AFTERCARE_TABLESTORE_ENDPOINT='http://127.0.0.1:14301'") {
		t.Errorf("the file was %s and is %s", files[0], files[1])
	}
}

func TestATakenPortIsNamedWithItsFlag(t *testing.T) {
	for _, p := range ports {
		address := fmt.Sprintf("127.0.0.1:%d", p.port)
		o := options(t)
		o.Open = func(network, asked string) (net.Listener, error) {
			if asked == address {
				return nil, &net.OpError{Op: "listen", Net: network, Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
			}
			return pose(network, asked)
		}
		err := up(t.Context(), o, make(readiness))
		want := p.service + " cannot listen on " + address + ": another program listens there: give another address with --listen-" + p.service
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestTheDefaultPortsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../tests/localcloud/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ports {
		if row := fmt.Sprintf("| %d | `--listen-%s` |", p.port, p.service); !strings.Contains(string(text), row) {
			t.Errorf("README.md has no row with %q", row)
		}
	}
}

func TestFreePortsLeaveGivenAddressesAlone(t *testing.T) {
	cmd := newUp()
	if err := cmd.ParseFlags([]string{"--listen-ecs", "127.0.0.1:1234"}); err != nil {
		t.Fatal(err)
	}
	l := cloud.Listen{Tablestore: "a", ECS: "127.0.0.1:1234", FunctionCompute: "c", EventBridge: "d", Inbox: "e", Control: "f"}
	freePorts(cmd.Flags(), &l)
	if want := (cloud.Listen{ECS: "127.0.0.1:1234"}); l != want {
		t.Errorf("got %+v, want %+v", l, want)
	}
}

func TestFastShortensWhatNoFlagSays(t *testing.T) {
	cmd := newUp()
	if err := cmd.ParseFlags([]string{"--boot-delay", "7s", "--set", "AFTERCARE_CLAIM_GRACE=9s", "--timeout", "f=3s"}); err != nil {
		t.Fatal(err)
	}
	lines, err := shorten(cmd.Flags())
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(lines, "\n")
	for _, flag := range []string{"--abort-after 10s: ", "--timer-scale 0.05: ", "--timeout 10s: ", "--set AFTERCARE_WAKE_PRECISION=1s: "} {
		if !strings.Contains(all, flag) {
			t.Errorf("it says nothing of %s in %q", flag, all)
		}
	}
	if strings.Contains(all, "boot-delay") || strings.Contains(all, "CLAIM_GRACE") {
		t.Errorf("it speaks of what the command line says: %q", all)
	}
	if got, _ := cmd.Flags().GetFloat64("timer-scale"); got != 0.05 {
		t.Errorf("timer-scale is %v", got)
	}
	if got := cmd.Flags().Lookup("boot-delay").Value.String(); got != (7 * time.Second).String() {
		t.Errorf("boot-delay is %s", got)
	}
	if got, _ := cmd.Flags().GetStringArray("set"); strings.Join(got, " ") != "AFTERCARE_CLAIM_GRACE=9s AFTERCARE_STOP_CHECK=1s AFTERCARE_ALERT_WAIT=1s AFTERCARE_ALERT_START=0s AFTERCARE_WAKE_PRECISION=1s" {
		t.Errorf("set is %q", got)
	}
	if got, _ := cmd.Flags().GetStringArray("timeout"); strings.Join(got, " ") != "f=3s 10s" {
		t.Errorf("timeout is %q", got)
	}
}
