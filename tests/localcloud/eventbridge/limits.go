package eventbridge

// Limits lists what this package does not imitate, one sentence each.
func Limits() []string {
	return []string{
		"The HTTP surface is that of the CloudEvents HTTP binding, not the signed PutEvents API of the EventBridge SDKs; requests are not authenticated.",
		"Data must be JSON, in every content mode, as the real EventBridge documents it.",
		"Buses and rules are made by the program that starts it, not by API calls.",
		"A rule has one target, which is a Go function; on the real EventBridge it may have five.",
		"Every error of a target is retried; which outcomes of Function Compute the real EventBridge retries is not documented.",
		"The error tolerance is always ALL: a target that fails does not block later events.",
		"Dead letters go to a file of JSON lines, not to a queue or topic.",
		"Deliveries are unordered, as on the real EventBridge, but without its quotas of events per second.",
		"Event streams, schemas, API destinations, archives and cross-region buses do not exist.",
		"JSONPath knows $, .name, ['name'] and [0] only.",
		"Of the pattern language, what the documentation leaves open is decided by this package: see pattern.go.",
		"The codes EventBusNotAllowed, InvalidEvent, RequestTooLarge and UnsupportedMediaType are this package's own.",
		"Accepted events survive the death of the process, not of the machine.",
	}
}
