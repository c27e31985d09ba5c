package cloud

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"time"

	"aftercare/tests/localcloud/ecs"
	"aftercare/tests/localcloud/eventbridge"
	"aftercare/tests/localcloud/functioncompute"
	"aftercare/tests/localcloud/inbox"
)

// routes returns the control surface, which the package comment lists.
func (c *Cloud) routes() http.Handler {
	mux := http.NewServeMux()
	on := func(pattern string, f func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			value, err := f(r)
			if cause := context.Cause(r.Context()); cause != nil {
				err = cause
			}
			answer(w, value, err)
		})
	}
	on("GET /{$}", func(*http.Request) (any, error) { return c.info(), nil })
	on("/", func(r *http.Request) (any, error) {
		return nil, refuse(http.StatusNotFound, "%s %s is not part of the control surface", r.Method, r.URL.Path)
	})

	on("GET /process", func(*http.Request) (any, error) { return process(), nil })

	on("GET /instances", c.listInstances)
	on("POST /instances", c.createInstance)
	on("POST /instances/{id}/{step}", c.stepInstance)
	on("GET /instances/{id}/runs", c.listRuns)

	on("GET /functions", func(*http.Request) (any, error) { return c.info().Functions, nil })
	on("POST /functions/{name}/invoke", c.invokeFunction)
	on("POST /functions/{name}/kill", c.killFunction)
	on("POST /functions/{name}/timers/{timer}", c.fireTimer)

	on("GET /events", func(r *http.Request) (any, error) {
		return c.record.events(r.FormValue("type"), r.FormValue("instance"))
	})
	on("POST /events", func(r *http.Request) (any, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "read the body: %v", err)
		}
		return nil, c.putEvents(body)
	})
	on("GET /deliveries", func(*http.Request) (any, error) {
		return Deliveries{Pending: c.bus.Pending(), Async: c.functions.AsyncPending()}, nil
	})
	on("GET /deliveries/idle", c.waitIdle)
	on("PUT /deliveries/duplicate", c.setDuplicate)
	on("GET /deliveries/dead", func(*http.Request) (any, error) { return c.deadLetters() })

	on("GET /holds", func(*http.Request) (any, error) { return c.holds.list(), nil })
	on("POST /holds", func(r *http.Request) (any, error) {
		var m Match
		if err := read(r, &m); err != nil {
			return nil, err
		}
		return c.holds.add(c.bus, m), nil
	})
	on("POST /holds/{number}/release", c.releaseHold)

	on("GET /faults", func(*http.Request) (any, error) {
		return FaultState{Calls: c.faults.Calls(), Struck: c.faults.Struck()}, nil
	})
	on("POST /faults", func(r *http.Request) (any, error) {
		var f Fault
		if err := read(r, &f); err != nil {
			return nil, err
		}
		return nil, c.planFault(f)
	})
	on("DELETE /faults", func(*http.Request) (any, error) { c.faults.Clear(); return nil, nil })
	on("DELETE /faults/calls", func(*http.Request) (any, error) { c.faults.ResetCalls(); return nil, nil })

	on("GET /inbox", func(*http.Request) (any, error) { return c.inboxState(), nil })
	return mux
}

func (c *Cloud) listInstances(*http.Request) (any, error) {
	out := []Instance{}
	for _, i := range c.ecs.Instances() {
		out = append(out, Instance(i))
	}
	return out, nil
}

func (c *Cloud) createInstance(r *http.Request) (any, error) {
	var i Instance
	if err := read(r, &i); err != nil {
		return nil, err
	}
	if err := c.ecs.CreateInstance(ecs.Instance(i)); err != nil {
		return nil, refuse(http.StatusBadRequest, "%v", err)
	}
	return nil, nil
}

func (c *Cloud) stepInstance(r *http.Request) (any, error) {
	steps := map[string]func(string) error{
		"boot": c.ecs.Boot, "reboot": c.ecs.Reboot, "stop": c.ecs.Stop, "delete": c.ecs.Delete,
		"stop-agent": c.ecs.StopAgent, "start-agent": c.ecs.StartAgent,
	}
	step := steps[r.PathValue("step")]
	if step == nil {
		return nil, refuse(http.StatusNotFound, "%q is not boot, reboot, stop, delete, stop-agent or start-agent", r.PathValue("step"))
	}
	return nil, step(r.PathValue("id"))
}

func (c *Cloud) listRuns(r *http.Request) (any, error) {
	out := []Run{}
	for _, run := range c.ecs.Runs(r.PathValue("id")) {
		out = append(out, Run(run))
	}
	return out, nil
}

func (c *Cloud) invokeFunction(r *http.Request) (any, error) {
	payload, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "read the body: %v", err)
	}
	return result(c.functions.Invoke(r.Context(), r.PathValue("name"), payload))
}

func (c *Cloud) killFunction(r *http.Request) (any, error) {
	name := r.PathValue("name")
	if err := c.knows(name); err != nil {
		return nil, err
	}
	return map[string]int{"killed": c.functions.KillInstances(name)}, nil
}

func (c *Cloud) fireTimer(r *http.Request) (any, error) {
	name, timer := r.PathValue("name"), r.PathValue("timer")
	if err := c.knows(name); err != nil {
		return nil, err
	}
	res, err := c.functions.FireTimer(r.Context(), name, timer)
	if errors.Is(err, functioncompute.ErrNoTimer) {
		return nil, refuse(http.StatusNotFound, "the function %s has no timer %s", name, timer)
	}
	return result(res, err)
}

func result(res functioncompute.Result, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return Result{RequestID: res.RequestID, FunctionError: res.FunctionError, Body: string(res.Body)}, nil
}

func (c *Cloud) waitIdle(r *http.Request) (any, error) {
	timeout := 30 * time.Second
	if text := r.FormValue("timeout"); text != "" {
		var err error
		if timeout, err = time.ParseDuration(text); err != nil {
			return nil, refuse(http.StatusBadRequest, "timeout: %v", err)
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	return nil, c.bus.WaitIdle(ctx)
}

func (c *Cloud) setDuplicate(r *http.Request) (any, error) {
	var body struct {
		Times int `json:"times"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	if body.Times < 1 || body.Times > 100 {
		return nil, refuse(http.StatusBadRequest, "times must be from 1 to 100")
	}
	c.bus.SetDuplicate(body.Times)
	return nil, nil
}

func (c *Cloud) releaseHold(r *http.Request) (any, error) {
	var body struct {
		Order string `json:"order"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	order := eventbridge.InOrder
	switch body.Order {
	case "", InOrder:
	case Reversed:
		order = eventbridge.Reversed
	case Never:
		order = eventbridge.Never
	default:
		return nil, refuse(http.StatusBadRequest, "order must be %s, %s or %s", InOrder, Reversed, Never)
	}
	number, _ := strconv.Atoi(r.PathValue("number"))
	held := c.holds.take(number)
	if held == nil {
		return nil, refuse(http.StatusNotFound, "there is no hold %s", r.PathValue("number"))
	}
	held.Release(order)
	return nil, nil
}

// deadLetters reads the file of events that were given up.
func (c *Cloud) deadLetters() (any, error) {
	out := []eventbridge.DeadLetter{}
	file, err := os.Open(c.folder.path(FileDeadLetters))
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	d := json.NewDecoder(bufio.NewReader(file))
	for {
		var letter eventbridge.DeadLetter
		switch err := d.Decode(&letter); {
		case err == io.EOF:
			return out, nil
		case err != nil:
			return nil, fmt.Errorf("read the dead letters: %w", err)
		}
		out = append(out, letter)
	}
}

func (c *Cloud) inboxState() InboxState {
	state := InboxState{
		Messages: []Message{}, Refusals: []Refusal{},
		Incidents: append([]inbox.Incident{}, c.inbox.Incidents()...), Alerts: append([]inbox.Alert{}, c.inbox.Alerts()...),
	}
	for _, m := range c.inbox.Messages() {
		state.Messages = append(state.Messages, Message{
			Channel: m.Channel, At: m.At, Body: asJSON(m.Body), Verified: m.Verified, Fingerprint: m.Fingerprint,
			ID: m.ID, Repeated: m.Repeated,
		})
	}
	for _, r := range c.inbox.Refusals() {
		state.Refusals = append(state.Refusals, Refusal{r.Channel, r.At, r.Code, r.Reason, asJSON(r.Body)})
	}
	return state
}

// asJSON returns a body as it is if it is JSON, or as a JSON text.
func asJSON(body []byte) json.RawMessage {
	if json.Valid(body) {
		return body
	}
	text, _ := json.Marshal(string(body)) // any string can be encoded
	return text
}
