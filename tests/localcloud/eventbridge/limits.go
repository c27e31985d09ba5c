package eventbridge

// Limits lists what this package does not imitate, one sentence each.
func Limits() []string {
	return []string{
		"Only PutEvents of the vendor's APIs is imitated: the action of the API 2020-04-01, and /openapi/putEvents of the older data plane. All other actions and paths are refused.",
		"The path /eventbuses/{bus}/events, for the SDKs of CloudEvents, is this package's own, and unsigned. The samples for CloudEvents SDKs that sign x-eventbridge-* headers are refused at /openapi/putEvents.",
		"Permissions are not imitated: any accepted key may put events on any custom bus. Events cannot be traced, so entries have no TraceId.",
		"Data must be JSON, in every content mode, as the real EventBridge documents it.",
		"Pushes to a URL carry no x-eventbridge-signature-* headers: the vendor wants receivers to trust only certificates from its own domain, and only the vendor has their keys.",
		"Pushes to a URL have the content type application/json; what the real EventBridge sends there is not documented.",
		"Buses and rules are made by the program that starts it, not by API calls.",
		"A rule has one target, which is a Go function; on the real EventBridge it may have five.",
		"Every error of a target is retried; which outcomes of Function Compute the real EventBridge retries is not documented.",
		"The error tolerance is always ALL: a target that fails does not block later events.",
		"Dead letters go to a file of JSON lines, not to a queue or topic.",
		"Deliveries are unordered, as on the real EventBridge, but without its quotas of events per second.",
		"Event streams, schemas, API destinations, archives and cross-region buses do not exist.",
		"JSONPath knows $, .name, ['name'] and [0] only.",
		"Where the documentation leaves the pattern language open, this package decides: see pattern.go.",
		"The codes EventBusNotAllowed, InvalidEvent, LocalCloud.NotImitated, PathNotSupported, RequestTooLarge and UnsupportedMediaType are this package's own.",
		"Accepted events survive the death of the process, not of the machine.",
	}
}
