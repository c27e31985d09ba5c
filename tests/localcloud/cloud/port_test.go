package cloud_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/tests/localcloud/cloud"
	"aftercare/tests/localcloud/fault"
)

// noted is a listen function that opens a free port of loopback, whatever it
// is asked for, and notes what that was.
type noted struct {
	mu    sync.Mutex
	asked []string
}

func (n *noted) open(network, address string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, address)
	return net.Listen(network, "127.0.0.1:0")
}

func TestOnlyServicesThatRunNoProgramsCanBeReachedFromElsewhere(t *testing.T) {
	const outside = "0.0.0.0:7"
	for _, c := range []struct {
		service string
		set     func(*cloud.Listen)
		may     bool
	}{
		{"tablestore", func(l *cloud.Listen) { l.Tablestore = outside }, true},
		{"eventbridge", func(l *cloud.Listen) { l.EventBridge = outside }, true},
		{"inbox", func(l *cloud.Listen) { l.Inbox = outside }, true},
		{"ram", func(l *cloud.Listen) { l.RAM = outside }, true},
		{"sls", func(l *cloud.Listen) { l.SLS = outside }, true},
		{"cloudmonitor", func(l *cloud.Listen) { l.CloudMonitor = outside }, true},
		{"ecs", func(l *cloud.Listen) { l.ECS = outside }, false},
		{"functioncompute", func(l *cloud.Listen) { l.FunctionCompute = outside }, false},
		{"control", func(l *cloud.Listen) { l.Control = outside }, false},
	} {
		for _, allowed := range []bool{false, true} {
			var n noted
			o := options(t)
			o.Project, o.AllowRemote, o.Open = "", allowed, n.open
			c.set(&o.Listen)
			running, err := cloud.Up(o)
			if err == nil {
				e := running.Endpoints()
				for _, url := range []string{e.Tablestore, e.EventBridge, e.Inbox, e.RAM, e.SLS, e.CloudMonitor} {
					if !strings.HasPrefix(url, "http://127.0.0.1:") {
						t.Errorf("%s elsewhere: this machine is to use %s", c.service, url)
					}
				}
				if err := running.Close(); err != nil {
					t.Error(err)
				}
			} else if want := c.service + " cannot listen on " + outside + ": "; !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "loopback") {
				t.Errorf("got %v, want %q", err, want)
			}
			if opened, want := slices.Contains(n.asked, outside), c.may && allowed; opened != want || (err == nil) != want {
				t.Errorf("%s, allowed %v: asked for %q with error %v", c.service, allowed, n.asked, err)
			}
		}
	}
}

func TestEveryPortAnswersHealthWithoutASignature(t *testing.T) {
	l := up(t, options(t))
	e := l.cloud.Endpoints()
	for service, url := range map[string]string{
		"tablestore": e.Tablestore, "ecs": e.ECS, "functioncompute": e.FunctionCompute,
		"eventbridge": e.EventBridge, "inbox": e.Inbox, "control": e.Control, "ram": e.RAM, "sls": e.SLS, "cloudmonitor": e.CloudMonitor,
	} {
		if status, body := send(t, url, "GET", "/health", "", nil); status != 200 || body != `{"service":"`+service+`","status":"ok"}`+"\n" {
			t.Errorf("%s: got %d %q", service, status, body)
		}
	}
}

// journal is a buffer for several goroutines.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func TestEveryRequestIsLogged(t *testing.T) {
	var log journal
	o := options(t)
	o.Requests = &log
	l := up(t, o)
	e := l.cloud.Endpoints()
	if res, err := l.Invoke(l.ctx, "events", []byte(`{"do":"call"}`)); err != nil || res.FunctionError != "" {
		t.Fatalf("got %+v and %v", res, err)
	}
	send(t, e.FunctionCompute, "POST", "/2023-03-30/functions/nobody/invocations", "", nil)
	send(t, e.EventBridge, "POST", "/eventbuses/orders/events", "", nil)
	send(t, e.Webhooks["wecom"], "POST", "", "", nil)
	send(t, e.Inbox, "GET", "/nothing", "", nil)
	for _, want := range []string{
		`tablestore ListTable - 200 \d+ ms`,
		`ecs DescribeInstances - 200 \d+ ms`,
		`control POST /functions/events/invoke - 200 \d+ ms`,
		`functioncompute InvokeFunction nobody FunctionNotFound \d+ ms`,
		`eventbridge PutEvents orders \w+ \d+ ms`,
		`inbox Webhook:wecom - 47001 \d+ ms`,
		`inbox GET /nothing - 404 \d+ ms`,
	} {
		pattern := regexp.MustCompile("(?m)^" + want + "$")
		eventually(t, "a line "+want, func() bool { return pattern.MatchString(log.String()) })
	}
}

func TestTheInboxExplainsUnknownPaths(t *testing.T) {
	l := up(t, options(t))
	status, body := send(t, l.cloud.Endpoints().Inbox, "GET", "/nothing", "", nil)
	if status != 404 || !strings.Contains(body, "GET /nothing is not an address of the local inbox") || !strings.Contains(body, "/dingtalk/robot/send") {
		t.Errorf("got %d %q", status, body)
	}
}

// TestAResetForgetsEverything fills every service, and looks again afterwards
// at the same addresses.
func TestAResetForgetsEverything(t *testing.T) {
	o := options(t)
	o.Buses = []string{"orders"}
	prepared := 0
	o.Prepare = func(cloud.Endpoints) error { prepared++; return nil }
	l := up(t, o)
	before := l.cloud.Endpoints()
	l.must(write(before, "people"))
	l.must(l.CreateInstance(l.ctx, cloud.Instance{ID: "i-1"}))
	l.must(l.Boot(l.ctx, "i-1"))
	l.waitRecorded(1)
	if _, err := l.Hold(l.ctx, cloud.Match{Type: "test"}); err != nil {
		t.Fatal(err)
	}
	l.must(l.PutEvents(l.ctx, event("test", "1"))) // stays pending
	l.must(l.AddFault(l.ctx, cloud.Fault{Fault: fault.Fault{Call: "ListTable", Mode: fault.CutBefore}}))
	send(t, before.Webhooks["webhook"], "POST", "", "", nil)

	l.must(l.Reset(l.ctx))
	if after := l.cloud.Endpoints(); after.Tablestore != before.Tablestore || after.AccessKeySecret != before.AccessKeySecret || after.Control != before.Control {
		t.Errorf("after the reset the endpoints are %+v, want %+v", after, before)
	}
	if prepared != 2 {
		t.Errorf("prepared %d times, want 2", prepared)
	}
	names, err := tables(before).ListTable()
	l.must(err)
	list, err := l.Instances(l.ctx)
	l.must(err)
	events, err := l.Events(l.ctx, "", "")
	l.must(err)
	deliveries, err := l.Deliveries(l.ctx)
	l.must(err)
	held, err := l.Holds(l.ctx)
	l.must(err)
	inbox, err := l.Inbox(l.ctx)
	l.must(err)
	if len(names.TableNames)+len(list)+len(events)+deliveries.Pending+len(held)+len(inbox.Messages)+len(inbox.Refusals) > 0 {
		t.Errorf("after the reset there are tables %v, instances %v, events %s, %d deliveries, holds %v, inbox %+v",
			names.TableNames, list, events, deliveries.Pending, held, inbox)
	}

	// It works as before.
	l.must(l.CreateInstance(l.ctx, cloud.Instance{ID: "i-1"}))
	l.must(l.Boot(l.ctx, "i-1"))
	l.waitRecorded(2)
	l.must(l.cloud.Close())
	if _, err := net.Dial("tcp", strings.TrimPrefix(before.Tablestore, "http://")); err == nil {
		t.Error("a port is open after Close")
	}
}

// TestAResetDoesNotWaitForSlowClients leaves a request without its body. The
// answer says what ended it.
func TestAResetDoesNotWaitForSlowClients(t *testing.T) {
	l := up(t, options(t))
	host := strings.TrimPrefix(l.URL, "http://")
	conn, err := net.Dial("tcp", host)
	l.must(err)
	defer conn.Close()
	fmt.Fprintf(conn, "POST /instances HTTP/1.1\r\nHost: %s\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n", host)
	answer := bufio.NewReader(conn)
	if line, err := answer.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
		t.Fatalf("got %q and %v, want that the body is awaited", line, err)
	}
	l.must(l.Reset(l.ctx))
	rest, err := io.ReadAll(answer)
	if err != nil {
		t.Errorf("the connection ended with %v", err)
	}
	if !strings.Contains(string(rest), " 503 ") || !strings.Contains(string(rest), "the local cloud was reset or closed meanwhile") {
		t.Errorf("got the answer %q, want it to say what happened", rest)
	}
}

func TestAResetThatFailsIsReported(t *testing.T) {
	o := options(t)
	fail := errors.New("no tables")
	prepared := []error{fail, nil}
	o.Prepare = func(cloud.Endpoints) error {
		err := prepared[len(prepared)-1]
		prepared = prepared[:len(prepared)-1]
		return err
	}
	l := up(t, o)
	if err := l.Reset(l.ctx); err == nil || !strings.Contains(err.Error(), "reset the local cloud: prepare: no tables") {
		t.Errorf("got %v, want that the reset failed", err)
	}
	if err := <-l.cloud.Failed(); !errors.Is(err, fail) {
		t.Errorf("%v is reported, want %v", err, fail)
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// write makes a table.
func write(e cloud.Endpoints, table string) error {
	meta := &tablestore.TableMeta{TableName: table}
	meta.AddPrimaryKeyColumn("id", tablestore.PrimaryKeyType_STRING)
	_, err := tables(e).CreateTable(&tablestore.CreateTableRequest{
		TableMeta: meta, TableOption: tablestore.NewTableOption(-1, 1), ReservedThroughput: &tablestore.ReservedThroughput{},
	})
	return err
}
