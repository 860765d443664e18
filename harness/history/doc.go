// Package history is what a run records: operations, spans and samples on one clock, and the final state of every node.
//
// A run is data; everything after it (verdicts, phases, reports) is a pure function of that data. So a run is on disk
// before it is judged, stays readable if the tester dies, and can be judged again later by a better checker.
//
// It imports the standard library and harness/pg only.
package history
