// Package subscription is EventBridge's control plane, as far as Aftercare needs it:
// the buses and rules that bring events to the functions, what differs from them, the
// calls that make them so, and what a bus received and delivered. CloudMonitor is asked
// for the system events that it keeps, too.
//
// Plan compares what a deployment needs with what the service shows, without a call.
// The calls are those of the API 2020-04-01, in RPC style. Source:
// https://www.alibabacloud.com/help/en/eventbridge/developer-reference/api-eventbridge-2020-04-01-overview
//
// It does not know what the functions do with events.
package subscription
