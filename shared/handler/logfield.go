package handler

// LogField is a field of the functions' log lines.
type LogField struct {
	Name string
	// Type is text, id, list (of texts), count, ms, bytes, true or false, or counts by
	// kind. That of a name is the same in all lines.
	Type string
	// Lines says which lines have it; empty for all of them.
	Lines, What string
}

// LogFields are all of them, in the order of the table in functions/README.md.
var LogFields = []LogField{
	{"time", "text", "", "when it was written, in UTC, to the second"},
	{"level", "text", "", "`info`, `warn` or `error`"},
	{"message", "text", "", "what happened, in the constant words that the third column uses"},
	{"function", "text", "", "the folder of the function, such as `sweep`"},
	{"version", "text", "", "the function's version"},
	{"request_id", "id", "", "Function Compute's id of the invocation; its retries have the same"},
	{"trace_id", "id", "", "32 hex digits: the invocation's own trace, made of the request id, or the one in which Function Compute traces the request"},
	{"span_id", "id", "", "16 hex digits: this try of the invocation"},
	{"parent_span_id", "id", "all lines, if Function Compute traces the request", "its span"},
	{"took_ms", "ms", "`invocation ended`, `event handled`", "how long it took; of an event in an array, since the array began"},
	{"result", "text", "`invocation ended`, and lines about an input", "of an invocation, `done`, or `failed` if it must be delivered again; of an input, as in the answer: `recorded`, `noticed`, `accepted`, `duplicate`, `refused`, `ignored`"},
	{"items", "count", "`invocation ended`", "inputs that were answered"},
	{"cold", "true or false", "`invocation ended`", "whether it is the first of its process"},
	{"retry", "count", "`invocation ended`", "the number of Function Compute's retry; 0 for the first try"},
	{"tablestore_calls", "count", "`invocation ended`", "requests to Tablestore, repeated ones too"},
	{"ecs_calls", "count", "`invocation ended`", "requests to ECS, repeated ones too"},
	{"fc_calls", "count", "`invocation ended`", "requests to Function Compute"},
	{"throttled", "count", "`invocation ended`", "how many of these requests were refused because there were too many"},
	{"event_id", "id", "`event handled`, `event ignored`, lines of a submission that came as an event", "the event's id"},
	{"traceparent", "text", "`event handled`, if the event has a valid one", "the event's own, from CloudEvents' extension"},
	{"age_ms", "ms", "`event handled`, if the event says when it happened", "how old the event was when it was handled"},
	{"instance_id", "id", "lines about an instance", "the instance"},
	{"invoke_id", "id", "`event handled`", "the execution that ended; empty for other events"},
	{"task_id", "id", "`submission handled`", "the task of the answer"},
	{"run_ids", "list", "lines about an instance, if there are any", "the flow runs that were changed, at most 100"},
	{"task_ids", "list", "lines about an instance, if there are any", "the tasks that were changed, at most 100"},
	{"decided", "list", "lines about an instance", "what was decided and why, as texts"},
	{"performed", "count", "lines about an instance", "sends and messages that were done"},
	{"left", "count", "lines about an instance", "sends and messages that are left to a sweep"},
	{"queued", "count", "lines about an instance", "commands that wait there now"},
	{"waited_ms", "ms", "lines about an instance, if a command was taken from its queue", "how long the one that waited longest had waited"},
	{"answer", "text", "`submission handled`, `stop handled`, `resume handled`", "the outcome in the answer, such as `queued`"},
	{"dedupe_key", "text", "`submission ended`, `a submission is left to a sweep`", "the submission's"},
	{"events_left", "count", "`input not committed`, of an array", "events for which there was no time"},
	{"woken", "count", "`swept`", "wake-ups that the sweep handled"},
	{"failed", "count", "`swept`, `alerts brought to people`", "wake-ups that failed; messages that a channel did not take"},
	{"waiting", "count", "`swept`", "wake-ups whose commands still wait for room"},
	{"late_ms", "ms", "`swept`", "how long the oldest wake-up was overdue; 0 if none was due"},
	{"complete", "true or false", "`swept`, `alerts brought to people`", "whether everything that was due is done"},
	{"repairs", "counts by kind", "`swept`", "what was made good: `end`, `boot`, `send`"},
	{"flows", "text", "`swept`", "the version of the flows that are deployed, as `aftercare flows compile` prints it"},
	{"flow", "text", "`tick`, `tick missed`", "the flow on schedule"},
	{"tick", "text", "`tick`, `tick missed`", "when it was to start, in UTC"},
	{"instances", "count", "`tick`", "instances in the flow's scope"},
	{"letters", "count", "`alerts brought to people`", "alerts that were taken from the inbox"},
	{"confirmed", "count", "`alerts brought to people`", "messages that a channel took"},
	{"refused", "count", "`alerts brought to people`", "messages that a channel refused for its rate"},
	{"given_up", "count", "`alerts brought to people`", "messages that were given up"},
	{"channel", "text", "`channel tested`", "the channel's name"},
	{"took_sample", "true or false", "`channel tested`", "whether the channel took it"},
	{"look_at", "text", "`channel tested`", "what to look at first, if it did not"},
	{"silence", "id", "`silence handled`, `silence ended`", "the silence's id"},
	{"scope", "text", "`stop handled`, `resume handled`", "what is stopped or resumed"},
	{"by", "text", "lines about what a person asked for", "who, in their own words"},
	{"kind", "text", "`event ignored`, `concern told`", "the event's type; the kind of the alert about Aftercare itself"},
	{"over", "true or false", "`concern told`", "whether what it says is over"},
	{"shard", "count", "`alerts woken`, `alerts not woken`", "the part of the inbox that has the critical alert"},
	{"quarantine", "id", "`payload quarantined`", "the key under which the payload is kept"},
	{"size_bytes", "bytes", "`payload quarantined`", "its size"},
	{"reason", "text", "lines about what was ignored, kept, stopped or told", "why"},
	{"trouble", "text", "lines at level `warn`", "an error that a later try makes good"},
	{"error", "text", "lines about what failed", "the error"},
	{"stack", "text", "lines after a panic", "where it was"},
}
