//go:build race

package tests

// raceFlag builds the scheduler with the race detector where the tests have it.
var raceFlag = []string{"-race"}
