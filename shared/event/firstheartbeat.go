package event

import (
	"math"
	"time"
)

// parseFirstHeartbeat requires the instance's id. It reads some fields inside
// extensions, where CloudMonitor has them, or else beside it, where the
// product's table of fields has them.
func parseFirstHeartbeat(env Envelope, data object) Event {
	extensions, nested := data.object("extensions")
	both := func(name string) string { return first(extensions.text(name), data.text(name)) }
	h := FirstHeartbeat{
		Envelope:     env,
		BizEventID:   data.text("bizEventId"),
		AgentVersion: both("agentVersion"),
		Zone:         both("azone"),
		DataRegion:   both("region"),
		Extensions:   data.value("extensions"),
	}
	if nested && h.Extensions[0] == '"' {
		h.Extensions = []byte(unquote(h.Extensions))
	}
	var err error
	if h.InstanceID, err = data.id("vmName"); err != nil {
		return Malformed{Reason: err.Error()}
	}
	ms, ok := extensions.integer("uptime")
	if !ok {
		ms, ok = data.integer("uptime")
	}
	if ok && ms >= 0 && ms <= math.MaxInt64/int64(time.Millisecond) {
		uptime := time.Duration(ms) * time.Millisecond
		h.Uptime = &uptime
	}
	return h
}
