package handler

import (
	"time"

	"aftercare/shared/decide"
)

// Now is when MistakesIn reads a payload.
var Now = time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)

// MistakesIn says what is wrong with a payload of submit-task.
func MistakesIn(payload []byte) error {
	_, err := parseSubmission(payload, decide.DefaultPolicy(), Now)
	return err
}

// First is where the n parts of an array begin to be handled.
func First(requestID string, retry, n int) int {
	return (&array{invocation: &invocation{requestID: requestID, retry: retry}}).first(n)
}

// FunctionsAt and AlertsBeside say where the function alerts is called, and by which
// name.
var (
	FunctionsAt  = functionsAt
	AlertsBeside = alertsBeside
)
