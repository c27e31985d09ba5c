package handler

import "aftercare/shared/remediation"

// MistakesIn says what is wrong with a payload of submit-task.
func MistakesIn(payload []byte) error {
	_, err := parseSubmission(payload, "request", remediation.DefaultPolicy())
	return err
}

// Limits of a submission, for what the documents say of them.
const (
	MaxTargets   = maxTargets
	MaxDedupeKey = maxDedupeKey
	MinExpiry    = minExpiry
)
