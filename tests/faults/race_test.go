//go:build race

package faults_test

// step divides the events of the large arrays, and multiplies the time of their
// calls: under the race detector each call costs several times as much.
const step = 5
