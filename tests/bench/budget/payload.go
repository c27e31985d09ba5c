package budget

import (
	"encoding/json"
	"time"

	"aftercare/tests/rig"
)

// Ended is the end of a command on one instance.
type Ended struct {
	Instance, Invoke, Name, Status, Code, Exit string
	// Ago is how long ago it ended.
	Ago time.Duration
}

// End returns the events of ends as EventBridge delivers them: one, or an
// array of several.
func End(list ...Ended) []byte {
	var out []any
	for _, e := range list {
		at := time.Now().UTC().Add(-e.Ago).Format(time.RFC3339)
		out = append(out, event("TaskCompleted", e.Instance, "end-of-"+e.Invoke, map[string]any{
			"instanceId": e.Instance, "invokeId": e.Invoke, "commandId": "c-hz01zb4ph00001", "commandName": e.Name,
			"invocationStatus": e.Status, "errorCode": e.Code, "exitCode": e.Exit, "repeatMode": "Once", "repeats": "1",
			"startTime": at, "finishTime": at,
		}))
	}
	if len(out) == 1 {
		return encode(out[0])
	}
	return encode(out)
}

// Heartbeat returns the event of the first heartbeat of an instance that
// booted 20 s ago.
func Heartbeat(instance string) []byte {
	return encode(event("FirstHeartbeat", instance, "heartbeat-of-"+instance, map[string]any{
		"extensions": map[string]any{"agentVersion": "2.2.4.812", "region": rig.Region, "azone": rig.Region + "-g", "uptime": 20000},
		"vmName":     instance, "impact": "Alert", "opsCode": "InstanceStatusChange", "bizEventId": "boot-of-" + instance,
	}))
}

func event(kind, instance, id string, data map[string]any) map[string]any {
	return map[string]any{
		"id": id, "source": "acs.ecs", "specversion": "1.0", "subject": "acs.ecs:" + rig.Region + ":" + rig.Account + ":" + instance,
		"type": "ecs:CloudAssistant:" + kind, "aliyunaccountid": rig.Account, "aliyunregionid": rig.Region,
		"time": time.Now().UTC().Format(time.RFC3339), "data": data,
	}
}

// Submission is a submission of one script.
type Submission struct {
	Key           string
	Instances     []string
	Name, Content string
	// Timeout is a duration; empty means the default.
	Timeout string
}

// Payload is the submission as submit-task takes it.
func (s Submission) Payload() []byte {
	run := map[string]any{"name": s.Name, "type": "RunShellScript", "content": s.Content}
	if s.Timeout != "" {
		run["timeout"] = s.Timeout
	}
	return encode(map[string]any{"dedupeKey": s.Key, "instanceIds": s.Instances, "run": run})
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps and strings
	}
	return b
}
