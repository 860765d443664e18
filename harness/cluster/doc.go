// Package cluster builds a primary and its standbys in containers and lets a test touch them.
//
// A node is a pod of two containers. Its sandbox owns the network namespace: a static address on the run's own network,
// the published loopback port, and our agent, which holds the fault rules. PostgreSQL joins that namespace, with an init
// as PID 1 and PostgreSQL not as PID 1, so it can be stopped, killed and rewound, and its container killed and
// started, while address, port and rules stay.
//
// Roles are asked of PostgreSQL, never remembered. Two primaries can be found, and that is a finding.
package cluster
