// Package linear asks whether keyed registers behaved as one copy: whether each key's operations fit one order that agrees with
// real time (M. Herlihy and J. Wing, "Linearizability", TOPLAS 1990). porcupine does the search; this package makes it small.
//
// Values are unique per key, and that decides every write of unknown outcome beforehand: a value that was read was written
// before that read returned, and a blind write whose value nobody read can be left out of any order. Each key is then cut
// into pieces at moments when nothing was under way and the value is certain.
package linear
