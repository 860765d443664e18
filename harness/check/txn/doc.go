// Package txn finds what a history of transactions proves about isolation: the dependency graph, its cycles, and the writes
// that vanished.
//
// The definitions are Adya's (A. Adya, "Weak Consistency: A Generalized Theory and Optimistic Implementations for Distributed
// Transactions", MIT 1999), in the form that Elle uses for black-box histories (K. Kingsbury and P. Alvaro, "Elle: Inferring
// Isolation Anomalies from Experimental Observations", VLDB 2020). Snapshot isolation is judged by the theorem that a history
// has it exactly when no cycle exists in which every anti-dependency is followed by another kind of dependency (A. Cerone and
// A. Gotsman, "Analysing Snapshot Isolation", JACM 2018).
//
// Everything is a pure function of the operations. Transactions, keys and writes are numbered, edges are flat slices, and every
// step is linear in the size of the history, except the search for a short witness, which has a budget.
package txn
