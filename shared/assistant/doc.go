// Package assistant talks to ECS Cloud Assistant through the official SDK,
// alibaba-cloud-sdk-go, and is the only package that imports it. It sends and
// stops commands, looks invocations up by token or by id, reads what a command
// printed, asks whether an agent is up, and what an instance is.
//
// It keeps four promises that the SDK does not make:
//
//   - nothing is sent once the context's deadline, less a margin, has passed;
//   - every try of a write carries the same ClientToken and tag, and a write
//     that may have reached the service is never reported as not sent;
//   - errors are built only from the call's name, the HTTP status, the error code
//     and the request id, because the SDK's own errors carry signed URLs, tokens
//     and strings to sign;
//   - the SDK's clients, which are not safe for concurrent use, are made anew
//     for every try over one shared pool of connections.
//
// It does not know tasks, claims or the ledger, does not wait out a throttled
// minute, and does not interpret outputs. The SDK itself prints whole
// requests to standard output if the process starts with DEBUG=sdk in its
// environment: never set that where secrets matter.
package assistant
