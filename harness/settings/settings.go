// Package settings reads what a user may choose, the same for make, go test and the Ginkgo CLI, and checks it before anything starts.
//
// Each setting is a flag (-crucible.rate=200), an environment variable (PGCRUCIBLE_RATE=200), or a make variable (RATE=200,
// which the Makefile hands on as the environment variable). A flag wins over the environment.
package settings

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// Settings is what a run was asked to be. An empty list means "as each scenario says".
type Settings struct {
	Version    string                // PostgreSQL's major version: 15, 17, 18
	Image      string                // an image by name; wins over Version
	Commit     []cluster.CommitLevel // commit levels; empty: async and sync, as each scenario is made for
	Scenarios  []string              // names; empty: all of the drill
	Procedures []string              // names
	Runs       int                   // repetitions of each scenario
	Seed       uint64                // of everything that is drawn
	Rate       float64               // operations a second, all clients together
	Clients    int                   // connections of the load
	Rows       int                   // preloaded, about 100 bytes each
	Backlog    int                   // WAL that the standby has received and not replayed at the fault, in MB (1,000,000 bytes)
	Checksums  bool                  // the nodes have data checksums
	MinBefore  int                   // acknowledged writes before the fault, below which a verdict is unknown
	Keep       bool                  // leave the pair of a bad run running
	Out        string                // the output folder

	given   map[string]string // as the user wrote them, by setting name
	origins map[string]string // the flag or variable that each came from
}

// Given are the settings that differ from their defaults, by name, as the user wrote them.
func (s Settings) Given() map[string]string { return s.given }

// Origin is the flag or variable that a setting came from; empty: its default.
func (s Settings) Origin(name string) string { return s.origins[name] }

// Replay is the shell command that plays one scenario of this run again.
func (s Settings) Replay(scenario, procedure string, level cluster.CommitLevel, repetition int) string {
	words := []string{"make drill", "SCENARIO=" + shellQuote(scenario), "COMMIT=" + string(level), "SEED=" + strconv.FormatUint(s.Seed, 10)}
	if _, given := s.given["PROCEDURE"]; given {
		words = append(words, "PROCEDURE="+shellQuote(procedure))
	}
	if repetition > 1 {
		words = append(words, "RUNS="+strconv.Itoa(repetition))
	}
	for _, d := range definitions() {
		if value, given := s.given[d.Name]; given && d.Replayed {
			words = append(words, d.Name+"="+shellQuote(value))
		}
	}
	return strings.Join(words, " ")
}

// shellQuote makes one word of a POSIX shell of any text.
func shellQuote(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:,@=", r)
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// Invalid is a setting that cannot be used: one clear line.
type Invalid struct {
	Name     string // RATE
	Value    string
	Origin   string // the flag or variable it came from
	Expected string
}

func (e *Invalid) Error() string {
	return fmt.Sprintf("%s: %q (from %s) is not usable: want %s", e.Name, e.Value, e.Origin, e.Expected)
}
