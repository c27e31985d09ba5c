package handler

import "aftercare/shared/decide"

// MistakesIn says what is wrong with a payload of submit-task.
func MistakesIn(payload []byte) error {
	_, _, err := parseSubmission(payload, "request", decide.DefaultPolicy())
	return err
}

// First is where the n parts of an array begin to be handled.
func First(requestID string, retry, n int) int {
	return (&array{invocation: &invocation{requestID: requestID, retry: retry}}).first(n)
}
