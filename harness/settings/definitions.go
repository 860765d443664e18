package settings

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// Definition describes one setting, for the README, the help and the reader.
type Definition struct {
	Name     string // as make takes it: RATE
	Default  string
	Meaning  string
	Expected string // what a value must be, for the error line
	Replayed bool   // a replay needs it
	set      func(*Settings, string) error
}

// Flag is the setting's flag of the test binary.
func (d Definition) Flag() string {
	return "crucible." + strings.ReplaceAll(strings.ToLower(d.Name), "_", "-")
}

// Env is the setting's environment variable.
func (d Definition) Env() string { return "PGCRUCIBLE_" + d.Name }

// Definitions are all settings in the order of the README's table.
func Definitions() []Definition { return definitions() }

var errValue = errors.New("not usable")

func definitions() []Definition {
	return []Definition{
		{
			Name: "VERSION", Default: "17", Replayed: true, Expected: "15, 17 or 18",
			Meaning: "PostgreSQL's major version",
			set: func(s *Settings, v string) error {
				s.Version = v
				return unless(slices.Contains([]string{"15", "17", "18"}, v))
			},
		},
		{
			Name: "IMAGE", Replayed: true, Expected: "the name of an image with PostgreSQL's programs and a POSIX shell",
			Meaning: "an image to use as it is, instead of VERSION's",
			set: func(s *Settings, v string) error {
				s.Image = v
				return unless(!strings.ContainsAny(v, " \t\n\x00"))
			},
		},
		{
			Name: "COMMIT", Expected: "async, sync or remote_apply, or several with commas",
			Meaning: "commit levels; unset: async and sync, as each scenario is made for",
			set:     setCommit,
		},
		{
			Name: "SCENARIO", Expected: "names of scenarios with commas",
			Meaning: "which scenarios; unset: all of the drill",
			set: func(s *Settings, v string) error {
				s.Scenarios = list(v)
				return unless(len(s.Scenarios) > 0)
			},
		},
		{
			Name: "PROCEDURE", Default: "manual", Expected: "manual (rewinds) or rebuild (always a base backup), or both with a comma",
			Meaning: "by which procedure the role moves and the old primary comes back",
			set: func(s *Settings, v string) error {
				s.Procedures = list(v)
				return unless(len(s.Procedures) > 0)
			},
		},
		{
			Name: "RUNS", Default: "1", Expected: "a whole number from 1 to 1000",
			Meaning: "repetitions of each scenario",
			set:     func(s *Settings, v string) error { return whole(&s.Runs, v, 1, 1000) },
		},
		{
			Name: "SEED", Default: "1", Expected: "a whole number from 0 to 18446744073709551615",
			Meaning: "of everything that is drawn: targets, phases, keys",
			set: func(s *Settings, v string) (err error) {
				s.Seed, err = strconv.ParseUint(v, 10, 64)
				return err
			},
		},
		{
			Name: "RATE", Default: "400", Replayed: true, Expected: "operations a second, more than 0, at most 100000",
			Meaning: "operations a second of the load, all clients together",
			set: func(s *Settings, v string) (err error) {
				s.Rate, err = strconv.ParseFloat(v, 64)
				return errors.Join(err, unless(s.Rate > 0 && s.Rate <= 1e5 && !math.IsNaN(s.Rate)))
			},
		},
		{
			Name: "CLIENTS", Default: "8", Replayed: true, Expected: "a whole number from 1 to 64",
			Meaning: "connections of the load",
			set:     func(s *Settings, v string) error { return whole(&s.Clients, v, 1, 64) },
		},
		{
			Name: "ROWS", Default: "0", Replayed: true, Expected: "a whole number from 0 to 100000000",
			Meaning: "rows preloaded, about 100 bytes each",
			set:     func(s *Settings, v string) error { return whole(&s.Rows, v, 0, 1e8) },
		},
		{
			Name: "BACKLOG", Default: "0", Replayed: true, Expected: "a whole number from 0 to 10000",
			Meaning: "MB of WAL that the standby has received and not yet replayed at the fault",
			set:     func(s *Settings, v string) error { return whole(&s.Backlog, v, 0, 10_000) },
		},
		{
			Name: "CHECKSUMS", Default: "on", Replayed: true, Expected: "on or off",
			Meaning: "data checksums of the nodes; off: wal_log_hints alone makes rewinds possible",
			set: func(s *Settings, v string) error {
				s.Checksums = v == "on"
				return unless(v == "on" || v == "off")
			},
		},
		{
			Name: "MIN_BEFORE", Default: "50", Replayed: true, Expected: "a whole number from 1 to 1000000",
			Meaning: "acknowledged writes before the fault, below which a verdict is unknown",
			set:     func(s *Settings, v string) error { return whole(&s.MinBefore, v, 1, 1e6) },
		},
		{
			Name: "KEEP", Default: "0", Expected: "0 or 1",
			Meaning: "1: leave the pair of a bad run running and print its psql commands",
			set: func(s *Settings, v string) (err error) {
				s.Keep, err = strconv.ParseBool(v)
				return err
			},
		},
		{
			Name: "OUT", Default: "out", Expected: "a folder that can be written",
			Meaning: "the output folder",
			set: func(s *Settings, v string) error {
				s.Out = v
				return unless(!strings.ContainsRune(v, 0))
			},
		},
	}
}

func setCommit(s *Settings, v string) error {
	known := []cluster.CommitLevel{cluster.Async, cluster.Sync, cluster.RemoteApply}
	for _, word := range list(v) {
		if !slices.Contains(known, cluster.CommitLevel(word)) {
			return errValue
		}
		s.Commit = append(s.Commit, cluster.CommitLevel(word))
	}
	return unless(len(s.Commit) > 0)
}

func unless(good bool) error {
	if good {
		return nil
	}
	return errValue
}

func whole(into *int, value string, low, high int) (err error) {
	*into, err = strconv.Atoi(value)
	return errors.Join(err, unless(*into >= low && *into <= high))
}

// list splits at commas and blanks.
func list(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
}
