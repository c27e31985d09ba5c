package eventbridge

// Limits lists what this package does not imitate, one sentence each.
func Limits() []string {
	return []string{
		"Of the API 2020-04-01, these actions are imitated: PutEvents, Create-, Get- and DeleteEventBus, ListEventBuses, Create-, Update-, Get-, Enable-, Disable- and DeleteRule, ListRules, Put-, List- and DeleteTargets, QueryTracedEvents, QueryEvent, QueryEventTraces, TestEventPattern. Of the older data plane, only /openapi/putEvents is. All other actions and paths are refused.",
		"The path /eventbuses/{bus}/events, for the SDKs of CloudEvents, is this package's own, and unsigned. The samples for CloudEvents SDKs that sign x-eventbridge-* headers are refused at /openapi/putEvents.",
		"Permissions are not imitated: any accepted key may do everything. Entries of PutEvents have no TraceId.",
		"Data must be JSON, in every content mode, as the real EventBridge documents it.",
		"Pushes to a URL carry no x-eventbridge-signature-* headers: the vendor wants receivers to trust only certificates from its own domain, and only the vendor has their keys.",
		"Pushes to a URL have the content type application/json; what the real EventBridge sends there is not documented.",
		"Targets are functions (acs.fc.function) and buses (acs.eventbridge, whole events only); a target that the program gave in Go is shown with the type localcloud.program. ConcurrentConfig is kept and not obeyed.",
		"Not verified: how a target names a function of Function Compute 3.0. The endpoints acs:fc:<region>:<account>:functions/<function> and those of 2.0 with a service are accepted, and the parameters functionName, Qualifier, InvocationType, Body and DataFormat; without an InvocationType the call is synchronous. A function that does not exist is an error of the delivery, not of the call.",
		"Not verified: the codes for a bus or a rule that exists already (EventBusExisted, EventRuleExisted), for counts (EventBusCountExceeded, EventRuleCountExceeded, EventTargetCountExceeded) and for bad parameters; all come with status 200 and Success false, as those for a missing bus or rule do. A missing parameter is refused with status 400.",
		"Not verified: UpdateRule keeps what the call leaves out; a bus with rules cannot be deleted; pages have 10 items without a Limit; a disabled rule still delivers what it had accepted, and a deleted rule or target does not.",
		"Not verified: how long a change of a rule or its targets takes. Until then, calls read and events follow the old state. Rules are there at once when they are made.",
		"Not verified: the form of an event on a dead-letter bus. Here it has the source acs.eventbridge, the type eventbridge:DeadLetter:Event, and in its data event, eventBusName, ruleName, targetId, attempts and errorMessage.",
		"Every error of a target is retried; which outcomes of Function Compute the real EventBridge retries is not documented.",
		"Not verified: events are traced until a reset, in the order in which they came, those of the bus default by id, too (an option refuses that), and a QueryEvent that finds nothing fails with EventNotExisted. There is a PushEvent for each attempt, with the status [500] and the error if it failed.",
		"With ErrorsTolerance NONE, a target that fails to the end blocks until PutTargets replaces it; ALL is the default.",
		"Dead letters go to the bus that the target names, and else to a file of JSON lines, whether the target names a queue or topic or nothing: the real EventBridge drops them then.",
		"Deliveries are unordered, as on the real EventBridge, but without its quotas of events per second.",
		"Event streams, schemas, API destinations, archives and cross-region buses do not exist.",
		"JSONPath knows $, .name, ['name'] and [0] only.",
		"Where the documentation leaves the pattern language open, this package decides: see pattern.go.",
		"The codes EventBusNotAllowed, EventBusNotEmpty, EventBusNotSupported, EventTargetNotExisted, InvalidEvent, InvalidEventPattern, InvalidLimit, InvalidName, InvalidNextToken, InvalidStatus, InvalidTarget, InvalidTargetIds, InvalidTimeRange, LocalCloud.NotImitated, PathNotSupported, RequestTooLarge and UnsupportedMediaType are this package's own.",
		"Accepted events, and what calls made, survive the death of the process, not of the machine.",
	}
}
