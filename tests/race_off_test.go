//go:build !race

package tests

// raceFlag builds the scheduler with the race detector if the tests use it.
var raceFlag []string
