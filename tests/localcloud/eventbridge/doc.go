// Package eventbridge routes CloudEvents to targets as Alibaba Cloud
// EventBridge does: buses, rules with the pattern language of EventBridge,
// delivery at least once with both retry strategies, and a dead-letter file.
//
// The bus named default carries the events of Alibaba Cloud services. Like
// the real one it refuses custom events; the other services of the local
// cloud hand theirs over with PutServiceEvent. Custom buses take events by
// Go call or over HTTP, in three ways. Each answers in the form that its SDKs
// read.
//
//  1. POST /eventbuses/{bus}/events, for the SDKs of CloudEvents: one event in
//     binary or structured content mode, or a batch. It is unsigned, and only
//     this package has this path. Refusing a single event is an HTTP error.
//  2. POST /openapi/putEvents, the vendor's older data plane, which its SDKs
//     named eventbridge 1.x call: the same content modes, signed in the header
//     Authorization (acs:...). Each event names its bus in the extension
//     aliyuneventbusname. The answer, with status 200, has an entry for each
//     event with its error. Errors are code, message and requestId.
//  3. The action PutEvents of the RPC API 2020-04-01, signed by version 1 or
//     ACS3, as its control plane is: EventBusName and EventList, whose events have Id, Source, Type and
//     so on. If the bus does not accept the events, the answer has status 200
//     and Success false. Errors are Code, Message and RequestId.
//
// Where the vendor's pages are silent, this package decides: 2 accepts events
// one by one; 3 has the limits of a batch (16 events, 1 MB) and refuses the whole
// call for an unknown field; and Limits names codes of its own.
//
// Rules and their targets are made by Go call or by the control plane of the API
// (control.go), whose failures come with status 200 and Success false. A target
// that a call names is a function, which Options.Invoke invokes, or another bus.
// Limits lists what the package does not imitate, and what it imitates though
// no source was found for it.
package eventbridge
