// Package eventbridge routes CloudEvents to targets as Alibaba Cloud
// EventBridge does: buses, rules with the pattern language of EventBridge,
// delivery at least once with both retry strategies, and a dead-letter file.
//
// The bus named default carries the events of Alibaba Cloud services. Like
// the real one it refuses custom events; the other services of the local
// cloud hand theirs over with PutServiceEvent. Custom buses take events by
// Go call or over HTTP, in three ways. Each answers and refuses in the letters
// that its SDKs read.
//
//  1. POST /eventbuses/{bus}/events, for the SDKs of CloudEvents: one event in
//     binary or structured content mode, or a batch. It is unsigned, and a path
//     of this package alone. A single event that is refused is an HTTP error.
//  2. POST /openapi/putEvents, the vendor's older data plane, which its SDKs
//     named eventbridge 1.x call: the same content modes, signed in the header
//     Authorization (acs:...). Each event names its bus by the extension
//     aliyuneventbusname, and what is wrong with one is in its entry of the
//     answer, whose status is 200. Errors are code, message and requestId.
//  3. The action PutEvents of the RPC API 2020-04-01, signed by version 1 or
//     ACS3: EventBusName and EventList, whose events have Id, Source, Type and
//     so on. A bus that does not take the events is a failure with status 200
//     and Success false. Errors are Code, Message and RequestId.
//
// Where the vendor's pages are silent, this is this package's reading: that
// 2 takes events one by one, that 3 has the limits of a batch (16 events, 1 MB)
// and refuses the whole call for a field that it does not know, and the codes
// that Limits names.
//
// The package knows no target: a rule has a function. What it does not
// imitate is listed by Limits.
package eventbridge
