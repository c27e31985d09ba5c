//go:build race

package faults_test

// step: the race detector makes each call several times as dear, so with it
// the large arrays have a fifth of the events, in calls five times as long.
const step = 5
