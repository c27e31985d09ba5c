package eventbridge

import "time"

// RetryStrategy says how often and when a failed delivery is repeated.
type RetryStrategy string

// The strategies, with the waits of
// https://www.alibabacloud.com/help/en/eventbridge/user-guide/event-target-parameters
const (
	// BackoffRetry repeats 3 times, each after a random 10 to 20 s. It is the
	// default.
	BackoffRetry RetryStrategy = "BACKOFF_RETRY"
	// ExponentialDecayRetry repeats 176 times within about a day: after 1, 2,
	// 4 and so on to 256 s, then 167 times after 512 s.
	ExponentialDecayRetry RetryStrategy = "EXPONENTIAL_DECAY_RETRY"
)

func (r RetryStrategy) known() bool {
	return r == BackoffRetry || r == ExponentialDecayRetry
}

// Delay returns the wait after the n-th failed attempt, counted from 1, and
// whether another attempt follows at all. Chance is between 0 and 1.
func (r RetryStrategy) Delay(n int, chance float64) (wait time.Duration, again bool) {
	if r == ExponentialDecayRetry {
		return time.Second << min(n-1, 9), n <= 176
	}
	return 10*time.Second + time.Duration(chance*float64(10*time.Second)), n <= 3
}
