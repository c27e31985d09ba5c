package ecs_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/ecs"
)

const (
	region  = "cn-hangzhou"
	account = "1234567890123456"
	one     = "i-one"
)

var (
	owner     = access.Key{ID: "LTAItest", Secret: "owner-secret"}
	temporary = access.Key{ID: "STS.test", Secret: "temporary-secret", Token: "security-token"}
)

// clock is a clock that stands until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// cloud is a server with what a test needs around it.
type cloud struct {
	*ecs.Server
	t    *testing.T
	keys *access.Keys
	// elsewhere is the endpoint of a server in another process, which a test
	// sees through the SDK only.
	elsewhere string

	mu     sync.Mutex
	events []ecs.CloudEvent
}

// open starts a server with short delays.
func open(t *testing.T, change func(*ecs.Options)) *cloud {
	t.Helper()
	c := &cloud{t: t, keys: access.NewKeys(owner, temporary)}
	options := ecs.Options{
		Dir: t.TempDir(), Keys: c.keys, Region: region, Account: account,
		Emit: func(e ecs.CloudEvent) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.events = append(c.events, e)
		},
		Delays: ecs.Delays{Boot: -1, Pickup: -1},
	}
	if change != nil {
		change(&options)
	}
	server, err := ecs.Start(options)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	c.Server = server
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return c
}

// ready is open with one instance whose agent is up.
func ready(t *testing.T, change func(*ecs.Options)) *cloud {
	t.Helper()
	c := open(t, change)
	c.create(ecs.Instance{ID: one, Name: "first"})
	c.boot(one)
	return c
}

func (c *cloud) create(i ecs.Instance) {
	c.t.Helper()
	if err := c.CreateInstance(i); err != nil {
		c.t.Fatal(err)
	}
}

// boot boots an instance and waits for its agent.
func (c *cloud) boot(id string) {
	c.t.Helper()
	if err := c.Boot(id); err != nil {
		c.t.Fatal(err)
	}
	c.eventually("the agent of "+id+" is up", func() bool { return c.instance(id).AgentUp })
}

func (c *cloud) instance(id string) ecs.Instance {
	for _, i := range c.Instances() {
		if i.ID == id {
			return i
		}
	}
	c.t.Fatalf("no instance %s", id)
	return ecs.Instance{}
}

// eventually polls a condition that another goroutine brings about.
func (c *cloud) eventually(what string, holds func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(deadline) {
			c.t.Fatalf("gave up waiting: %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// exists returns the condition that there is such a file.
func exists(path string) func() bool {
	return func() bool {
		_, err := os.Stat(path)
		return err == nil
	}
}

// completed are the data of the TaskCompleted events so far.
func (c *cloud) completed() []map[string]string {
	var out []map[string]string
	for _, e := range c.ofType(ecs.TypeTaskCompleted) {
		var data map[string]string // fails unless every value is a string
		if err := json.Unmarshal(e.Data, &data); err != nil {
			c.t.Errorf("TaskCompleted data: %v", err)
		}
		out = append(out, data)
	}
	return out
}

func (c *cloud) ofType(kind string) []ecs.CloudEvent {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []ecs.CloudEvent
	for _, e := range c.events {
		if e.Type == kind {
			out = append(out, e)
		}
	}
	return out
}

// endpoint is where the SDK finds the server.
func (c *cloud) endpoint() string {
	if c.elsewhere != "" {
		return c.elsewhere
	}
	return c.Endpoint()
}

type args map[string]string

func (a args) with(more args) args {
	out := args{}
	for k, v := range a {
		out[k] = v
	}
	for k, v := range more {
		if v == "\x00" {
			delete(out, k)
			continue
		}
		out[k] = v
	}
	return out
}

// missing takes a parameter out in args.with.
const missing = "\x00"

// client is an unmodified SDK client for the server.
func (c *cloud) client(key access.Key) *sdk.Client {
	var credential any = credentials.NewAccessKeyCredential(key.ID, key.Secret)
	if key.Token != "" {
		credential = credentials.NewStsTokenCredential(key.ID, key.Secret, key.Token)
	}
	var client *sdk.Client
	var err error
	switch credential := credential.(type) {
	case *credentials.AccessKeyCredential:
		client, err = sdk.NewClientWithOptions(region, sdk.NewConfig(), credential)
	case *credentials.StsTokenCredential:
		client, err = sdk.NewClientWithOptions(region, sdk.NewConfig(), credential)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return client
}

func (c *cloud) request(action string, a args) *requests.CommonRequest {
	r := requests.NewCommonRequest()
	r.Scheme, r.Method, r.Domain = "HTTP", "POST", c.endpoint()
	r.Version, r.ApiName = "2014-05-26", action
	r.SetReadTimeout(time.Minute) // the SDK's own is too short for a busy machine
	for k, v := range a {
		if k == "CommandContent" {
			r.FormParams[k] = v
			continue
		}
		r.QueryParams[k] = v
	}
	return r
}

// call calls an action as the owner; the error is nil or a *ServerError.
func (c *cloud) call(action string, a args) (map[string]any, error) {
	c.t.Helper()
	client := c.client(owner)
	defer client.Shutdown()
	response, err := client.ProcessCommonRequest(c.request(action, a))
	if err != nil {
		return nil, err
	}
	var out map[string]any
	if err := json.Unmarshal(response.GetHttpContentBytes(), &out); err != nil {
		c.t.Fatalf("%s answered no JSON: %v", action, err)
	}
	return out, nil
}

func (c *cloud) must(action string, a args) map[string]any {
	c.t.Helper()
	out, err := c.call(action, a)
	if err != nil {
		c.t.Fatalf("%s: %v", action, err)
	}
	return out
}

// fault is the code and the HTTP status of an error, as "Code status".
func fault(err error) string {
	var server *sdkerrors.ServerError
	switch {
	case err == nil:
		return "no error"
	case errors.As(err, &server):
		return server.ErrorCode() + " " + strconv.Itoa(server.HttpStatus())
	}
	return err.Error()
}

func shell(content string) args {
	return args{"Type": "RunShellScript", "CommandContent": content, "InstanceId.1": one, "Name": "test"}
}

// run runs a command on instance one and returns its invoke id.
func (c *cloud) run(a args) string {
	c.t.Helper()
	return c.must("RunCommand", a)["InvokeId"].(string)
}

// result is the newest result of an invocation on an instance.
func (c *cloud) result(invoke, instance string) map[string]any {
	c.t.Helper()
	out := c.must("DescribeInvocationResults", args{"InvokeId": invoke, "InstanceId": instance, "ContentEncoding": "PlainText"})
	list := dig(out, "Invocation", "InvocationResults", "InvocationResult").([]any)
	if len(list) != 1 {
		c.t.Fatalf("%s on %s has %d results", invoke, instance, len(list))
	}
	return list[0].(map[string]any)
}

// end waits until an invocation on instance one has ended, and returns its
// result.
func (c *cloud) end(invoke string) map[string]any {
	c.t.Helper()
	var result map[string]any
	c.eventually("the end of "+invoke, func() bool {
		result = c.result(invoke, one)
		status := result["InvocationStatus"].(string)
		return !slices.Contains([]string{"Pending", "Scheduled", "Running", "Stopping"}, status)
	})
	return result
}

func (c *cloud) invocations(a args) []any {
	c.t.Helper()
	return dig(c.must("DescribeInvocations", a), "Invocations", "Invocation").([]any)
}

func dig(value any, path ...string) any {
	for _, name := range path {
		value = value.(map[string]any)[name]
	}
	return value
}

func base64Of(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// check compares what was got with what was wanted.
func check[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func statePath(t *testing.T) string { return filepath.Join(t.TempDir(), "ecs.db") }

func lines(text any) []string { return strings.Split(strings.TrimSpace(text.(string)), "\n") }

// status is what DescribeCloudAssistantStatus answers at the clock's time.
func (c *cloud) status(a args, at *clock) []any {
	c.t.Helper()
	return dig(c.at(at, "DescribeCloudAssistantStatus", a), "InstanceCloudAssistantStatusSet", "InstanceCloudAssistantStatus").([]any)
}

// at calls an action with a time stamp of an injected clock, which the SDK
// does not know.
func (c *cloud) at(at *clock, action string, a args) map[string]any {
	c.t.Helper()
	form := signed("POST", at.Now(), owner, a.with(args{"Action": action}))
	response, err := http.PostForm("http://"+c.Endpoint()+"/", form)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(response.Body).Decode(&out); err != nil || response.StatusCode != 200 {
		c.t.Fatalf("%s: %v %v, %v", action, response.Status, out, err)
	}
	return out
}
