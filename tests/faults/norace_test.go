//go:build !race

package faults_test

const step = 1
