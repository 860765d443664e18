// Package sim is a store that exists only to make histories: it runs transactions of many clients on a simulated clock under a
// chosen isolation, and breaks its promise in a chosen way when told to. The same Config gives the same history.
//
// It is how the checkers are checked: they must be silent on what a mode allows, and find every planted bug.
package sim
