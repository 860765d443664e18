// Package inspect looks at the nodes when a run is over and all is quiet: what is in them, whose they are, what they say of
// each other, what their logs complain of, and whether their files are sound.
//
// It judges nothing. What could not be read is said in NodeState.Err, so that no checker takes it for nothing found.
// It imports cluster, pg, history and pgx.
package inspect
