package flow

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"time"
)

// NotStarted are the error codes which mean that the script did not start, so
// that it may be sent again without running twice. ClientNotResponse,
// ClientRestarted, InstanceRestarted and ExecutionInterrupted are not among
// them: it may have run in part. Source: DescribeInvocations,
// InvokeInstance.ErrorCode.
var NotStarted = []string{
	"ClientIsUpgrading", "ClientNotOnline", "ClientNotRunning", "DeliveryTimeout", "InstanceNotRunning", TooManyTasks,
}

// TooManyTasks is the one of them that says nothing about the agent: the
// instance ran too many tasks already.
const TooManyTasks = "TaskConcurrencyLimit"

// RetryStatuses are the statuses that a retry may list.
var RetryStatuses = []string{"Failed", "Timeout", "Aborted", "Invalid", "Terminated"}

// DefaultRetry is the retry of a step that has none. [30] [32]
func DefaultRetry() Retry {
	return Retry{
		Max: 2, On: slices.Clone(NotStarted),
		Backoff: Duration(10 * time.Second), Factor: 2, MaxBackoff: Duration(5 * time.Minute),
	}
}

// matches reports whether to try again after an end. Unknown final statuses
// count as Failed.
func (r Retry) matches(e StepEnd) bool {
	status := e.InvocationStatus
	if status != "" && !slices.Contains(Statuses, status) || status == "Error" {
		status = "Failed"
	}
	return status != "" && slices.Contains(r.On, status) || e.ErrorCode != "" && slices.Contains(r.On, e.ErrorCode)
}

// delay is a random part of the bound of retry n, from 1. It depends on nothing
// but its arguments. [32]
func (r Retry) delay(seed string, n int) time.Duration {
	bound := float64(r.Backoff) * math.Pow(r.Factor, float64(n-1))
	bound = min(bound, float64(r.MaxBackoff))
	h := sha256.Sum256([]byte(seed + "\x00" + strconv.Itoa(n)))
	part := float64(binary.BigEndian.Uint64(h[:])>>11) / (1 << 53)
	return time.Duration(bound * part)
}
