package cloud

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"aftercare/tests/localcloud/eventbridge"
)

// Client calls the control surface of a local cloud. Its error is an *Error if
// the local cloud refused a request. It is safe for concurrent use.
type Client struct {
	// URL is the address in Endpoints.Control.
	URL string
	// HTTP is http.DefaultClient if nil.
	HTTP *http.Client
}

// Info returns what runs, and where.
func (c *Client) Info(ctx context.Context) (Info, error) {
	return call[Info](ctx, c, http.MethodGet, "/", nil)
}

// Reset makes the local cloud forget everything except its keys, and start anew
// at the same addresses. Options.Prepare and Options.Seed then apply again.
func (c *Client) Reset(ctx context.Context) error { return c.do(ctx, http.MethodPost, "/reset", nil) }

// Process returns what the local cloud's process holds.
func (c *Client) Process(ctx context.Context) (Process, error) {
	return call[Process](ctx, c, http.MethodGet, "/process", nil)
}

// Instances returns all instances, sorted by id.
func (c *Client) Instances(ctx context.Context) ([]Instance, error) {
	return call[[]Instance](ctx, c, http.MethodGet, "/instances", nil)
}

// CreateInstance makes a stopped instance. Only its ID is required.
func (c *Client) CreateInstance(ctx context.Context, i Instance) error {
	return c.do(ctx, http.MethodPost, "/instances", i)
}

// Boot starts a stopped instance.
func (c *Client) Boot(ctx context.Context, id string) error { return c.step(ctx, id, "boot") }

// Reboot stops a running instance and starts it again.
func (c *Client) Reboot(ctx context.Context, id string) error { return c.step(ctx, id, "reboot") }

// Stop stops a running instance.
func (c *Client) Stop(ctx context.Context, id string) error { return c.step(ctx, id, "stop") }

// Delete releases a stopped instance.
func (c *Client) Delete(ctx context.Context, id string) error { return c.step(ctx, id, "delete") }

// StopAgent ends the agent of a running instance.
func (c *Client) StopAgent(ctx context.Context, id string) error {
	return c.step(ctx, id, "stop-agent")
}

func (c *Client) step(ctx context.Context, id, step string) error {
	return c.do(ctx, http.MethodPost, "/instances/"+url.PathEscape(id)+"/"+step, nil)
}

// Runs returns the scripts that were started on an instance, in that order.
func (c *Client) Runs(ctx context.Context, id string) ([]Run, error) {
	return call[[]Run](ctx, c, http.MethodGet, "/instances/"+url.PathEscape(id)+"/runs", nil)
}

// Invoke calls a function with a payload as it is, and waits for its answer;
// an error of the function is in the Result.
func (c *Client) Invoke(ctx context.Context, function string, payload []byte) (Result, error) {
	return call[Result](ctx, c, http.MethodPost, "/functions/"+url.PathEscape(function)+"/invoke", json.RawMessage(payload))
}

// Kill sends SIGKILL to every instance of a function, and returns how many
// there were.
func (c *Client) Kill(ctx context.Context, function string) (int, error) {
	out, err := call[map[string]int](ctx, c, http.MethodPost, "/functions/"+url.PathEscape(function)+"/kill", nil)
	return out["killed"], err
}

// FireTimer fires a timer now and waits for the result.
func (c *Client) FireTimer(ctx context.Context, function, timer string) (Result, error) {
	return call[Result](ctx, c, http.MethodPost, "/functions/"+url.PathEscape(function)+"/timers/"+url.PathEscape(timer), nil)
}

// Events returns the events that were put on the bus default, in order. It
// selects by type and by instance unless they are empty.
func (c *Client) Events(ctx context.Context, kind, instance string) ([]json.RawMessage, error) {
	q := url.Values{"type": {kind}, "instance": {instance}}
	return call[[]json.RawMessage](ctx, c, http.MethodGet, "/events?"+q.Encode(), nil)
}

// PutEvents puts service events on the bus default, as they are.
func (c *Client) PutEvents(ctx context.Context, events ...json.RawMessage) error {
	return c.do(ctx, http.MethodPost, "/events", events)
}

// Deliveries returns how far EventBridge has got.
func (c *Client) Deliveries(ctx context.Context) (Deliveries, error) {
	return call[Deliveries](ctx, c, http.MethodGet, "/deliveries", nil)
}

// WaitIdle returns when only held deliveries are left, or with an error after
// the timeout.
func (c *Client) WaitIdle(ctx context.Context, timeout time.Duration) error {
	return c.do(ctx, http.MethodGet, "/deliveries/idle?timeout="+timeout.String(), nil)
}

// SetDuplicate sets how often each event is delivered from now on.
func (c *Client) SetDuplicate(ctx context.Context, times int) error {
	return c.do(ctx, http.MethodPut, "/deliveries/duplicate", map[string]int{"times": times})
}

// DeadLetters returns the events that EventBridge gave up.
func (c *Client) DeadLetters(ctx context.Context) ([]eventbridge.DeadLetter, error) {
	return call[[]eventbridge.DeadLetter](ctx, c, http.MethodGet, "/deliveries/dead", nil)
}

// Hold holds deliveries back from now on, and returns the hold's number.
func (c *Client) Hold(ctx context.Context, m Match) (int, error) {
	info, err := call[HoldInfo](ctx, c, http.MethodPost, "/holds", m)
	return info.Hold, err
}

// Holds returns the holds that were not released, oldest first.
func (c *Client) Holds(ctx context.Context) ([]HoldInfo, error) {
	return call[[]HoldInfo](ctx, c, http.MethodGet, "/holds", nil)
}

// Release ends a hold and delivers its events, InOrder or Reversed, one after
// another. It returns when each was tried once.
func (c *Client) Release(ctx context.Context, hold int, order string) error {
	return c.do(ctx, http.MethodPost, fmt.Sprintf("/holds/%d/release", hold), map[string]string{"order": order})
}

// AddFault plans a fault.
func (c *Client) AddFault(ctx context.Context, f Fault) error {
	return c.do(ctx, http.MethodPost, "/faults", f)
}

// ClearFaults drops all planned faults. It keeps the counts of calls.
func (c *Client) ClearFaults(ctx context.Context) error {
	return c.do(ctx, http.MethodDelete, "/faults", nil)
}

// ResetCalls sets the counts of calls to zero.
func (c *Client) ResetCalls(ctx context.Context) error {
	return c.do(ctx, http.MethodDelete, "/faults/calls", nil)
}

// Faults returns what the faults saw and did.
func (c *Client) Faults(ctx context.Context) (FaultState, error) {
	return call[FaultState](ctx, c, http.MethodGet, "/faults", nil)
}

// Inbox returns what arrived at the inbox.
func (c *Client) Inbox(ctx context.Context) (InboxState, error) {
	return call[InboxState](ctx, c, http.MethodGet, "/inbox", nil)
}

func (c *Client) do(ctx context.Context, method, path string, body any) error {
	_, err := call[struct{}](ctx, c, method, path, body)
	return err
}

// call sends a body as JSON (a json.RawMessage unchanged) and reads the answer.
func call[T any](ctx context.Context, c *Client, method, path string, body any) (out T, err error) {
	var payload io.Reader
	switch body := body.(type) {
	case nil:
	case json.RawMessage:
		payload = bytes.NewReader(body)
	default:
		text, err := json.Marshal(body)
		if err != nil {
			return out, fmt.Errorf("encode a request: %w", err)
		}
		payload = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, payload)
	if err != nil {
		return out, fmt.Errorf("make a request: %w", err)
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return out, fmt.Errorf("reach the local cloud: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return out, fmt.Errorf("read the local cloud's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		var refused struct{ Error string }
		if json.Unmarshal(text, &refused) != nil || refused.Error == "" {
			refused.Error = http.StatusText(res.StatusCode)
		}
		return out, &Error{res.StatusCode, refused.Error}
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return out, errors.Join(errors.New("the local cloud's answer is not what is expected"), err)
	}
	return out, nil
}
