package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"aftercare/tests/bench/budget"
)

// cloud is a stand-in for ECS that runs nothing. It accepts commands, and
// refuses them as the vendor documents throttling: after perMinute calls in a
// minute of the clock, every further one until the next minute. It knows the
// client tokens, and answers questions about instances, agents and commands.
type cloud struct {
	now       func() time.Time
	perMinute int           // 0 means no limit
	period    time.Duration // what counts as a minute
	status    string        // of every command that is asked for

	mu       sync.Mutex
	up       map[string]bool // the instances whose agents are up
	minute   time.Time
	calls    int // in that minute
	accepted []sent
	tokens   map[string]int // of accepted commands, by place in the list
	refused  int
	last     time.Time       // when a command was accepted
	asked    map[string]bool // the invocations whose status was asked for
}

// sent is an accepted command.
type sent struct {
	instance, name, token string
	at                    time.Time
}

func (s sent) invoke(n int) string { return fmt.Sprintf("t-bench%07d", n) }

func newCloud(perMinute int) *cloud {
	return &cloud{now: time.Now, perMinute: perMinute, period: time.Minute, up: map[string]bool{}, tokens: map[string]int{}, asked: map[string]bool{}}
}

// boot brings up an instance's agent.
func (c *cloud) boot(instance string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up[instance] = true
}

// ends returns the ends of all accepted commands.
func (c *cloud) ends() []budget.Ended {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []budget.Ended
	for n, s := range c.accepted {
		out = append(out, budget.Ended{Instance: s.instance, Invoke: s.invoke(n), Name: s.name, Status: "Success", Exit: "0"})
	}
	return out
}

// tally counts the commands accepted and refused, and the invocations whose
// status was asked for; last is when a command was accepted.
func (c *cloud) tally() (accepted, refused, asked int, last time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.accepted), c.refused, len(c.asked), c.last
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, answer := http.StatusBadRequest, map[string]any{"Code": "InvalidParameter", "Message": "the form cannot be read"}
	if r.ParseForm() == nil {
		status, answer = c.answer(r.Form.Get)
	}
	answer["RequestId"] = "bench"
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(answer)
}

func (c *cloud) answer(param func(string) string) (int, map[string]any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch action := param("Action"); action {
	case "RunCommand":
		return c.run(sent{instance: param("InstanceId.1"), name: param("Name"), token: param("ClientToken")})
	case "DescribeCloudAssistantStatus":
		id := param("InstanceId.1")
		return http.StatusOK, list("InstanceCloudAssistantStatusSet", "InstanceCloudAssistantStatus", []any{map[string]any{
			"InstanceId": id, "CloudAssistantStatus": fmt.Sprint(c.up[id]), "CloudAssistantVersion": "2.2.4.812", "OSType": "Linux",
		}})
	case "DescribeInstances": // it knows every instance
		var ids []string
		_ = json.Unmarshal([]byte(param("InstanceIds")), &ids)
		items := []any{}
		for _, id := range ids {
			items = append(items, map[string]any{"InstanceId": id, "Status": "Running", "OSType": "linux"})
		}
		return http.StatusOK, list("Instances", "Instance", items)
	case "DescribeInvocations":
		return http.StatusOK, list("Invocations", "Invocation", c.find(param("InvokeId"), param("Tag.1.Key"), param("Tag.1.Value")))
	default:
		return http.StatusNotFound, map[string]any{"Code": "InvalidAction.NotFound", "Message": action}
	}
}

func list(outer, inner string, items []any) map[string]any {
	return map[string]any{outer: map[string]any{inner: items}, "TotalCount": len(items)}
}

// run accepts a command or refuses it.
func (c *cloud) run(s sent) (int, map[string]any) {
	now := c.now()
	if m := now.Truncate(c.period); !m.Equal(c.minute) {
		c.minute, c.calls = m, 0
	}
	if c.calls++; c.perMinute > 0 && c.calls > c.perMinute {
		c.refused++
		return http.StatusBadRequest, map[string]any{"Code": "Throttling.User", "Message": "Request was denied due to user flow control."}
	}
	n, known := c.tokens[s.token]
	if !known {
		n, s.at = len(c.accepted), now
		c.accepted, c.tokens[s.token], c.last = append(c.accepted, s), n, now
	}
	return http.StatusOK, map[string]any{"InvokeId": s.invoke(n), "CommandId": "c-bench"}
}

// find lists the accepted command with an invoke id, or with a token as its
// tag's value.
func (c *cloud) find(invoke, tag, token string) []any {
	found := []any{}
	n, ok := c.tokens[token]
	if invoke != "" {
		_, err := fmt.Sscanf(invoke, "t-bench%d", &n)
		ok = err == nil && n < len(c.accepted)
	}
	if ok {
		s, now := c.accepted[n], c.now().UTC().Format(time.RFC3339)
		c.asked[s.invoke(n)] = true
		found = append(found, map[string]any{
			"InvokeId": s.invoke(n), "CommandId": "c-bench", "CommandName": s.name, "RepeatMode": "Once", "InvocationStatus": c.status,
			"Tags": map[string]any{"Tag": []any{map[string]any{"TagKey": tag, "TagValue": token}}},
			"InvokeInstances": map[string]any{"InvokeInstance": []any{map[string]any{
				"InstanceId": s.instance, "InvocationStatus": c.status, "ExitCode": 3, "ErrorCode": "ExitCodeNonzero",
				"Repeats": 1, "StartTime": now, "FinishTime": now,
			}}},
		})
	}
	return found
}
