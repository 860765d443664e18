package settings

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// Flags are the settings as registered with a flag set, before it is parsed.
type Flags struct {
	set    *flag.FlagSet
	values map[string]*string
}

// Register adds a flag for every setting. Call it before the set is parsed; Read afterwards.
func Register(set *flag.FlagSet) Flags {
	values := map[string]*string{}
	for _, d := range definitions() {
		values[d.Name] = set.String(d.Flag(), d.Default, d.Meaning+" ("+d.Env()+")")
	}
	return Flags{set: set, values: values}
}

// Read takes every setting from its flag, else from the environment (a variable that is empty counts as unset), else its
// default, and checks it. The first that cannot be used is returned as an *Invalid.
func (f Flags) Read(env func(string) string) (Settings, error) {
	fromFlag := map[string]bool{}
	f.set.Visit(func(one *flag.Flag) { fromFlag[one.Name] = true })
	s := Settings{given: map[string]string{}, origins: map[string]string{}}
	for _, d := range definitions() {
		value, origin := d.Default, ""
		if text := env(d.Env()); text != "" {
			value, origin = text, "environment "+d.Env()
		}
		if fromFlag[d.Flag()] {
			value, origin = *f.values[d.Name], "flag -"+d.Flag()
		}
		if origin == "" && value == "" {
			continue
		}
		if err := d.set(&s, value); err != nil {
			return Settings{}, &Invalid{Name: d.Name, Value: value, Origin: origin, Expected: d.Expected}
		}
		s.origins[d.Name] = origin
		if value != d.Default {
			s.given[d.Name] = value
		}
	}
	return s, s.together()
}

// together refuses settings that do not go with each other.
func (s Settings) together() error {
	if s.Backlog > 0 && slices.Contains(s.Commit, cluster.RemoteApply) {
		return &Invalid{
			Name: "BACKLOG", Value: strconv.Itoa(s.Backlog), Origin: s.origins["BACKLOG"],
			Expected: "0 with commit level remote_apply: there no write is acknowledged before it is replayed",
		}
	}
	return nil
}

// CheckNames refuses scenarios and procedures that are not known; what is given are the known ones.
func (s Settings) CheckNames(scenarios, procedures []string) error {
	if err := s.known("SCENARIO", s.Scenarios, scenarios); err != nil {
		return err
	}
	return s.known("PROCEDURE", s.Procedures, procedures)
}

func (s Settings) known(setting string, asked, known []string) error {
	for _, name := range asked {
		if !slices.Contains(known, name) {
			return &Invalid{Name: setting, Value: name, Origin: s.origins[setting], Expected: "one of " + strings.Join(known, ", ")}
		}
	}
	return nil
}

// PrepareOut makes the output folder and proves that it can be written.
func (s Settings) PrepareOut() error {
	err := os.MkdirAll(s.Out, 0o755)
	if err == nil {
		err = writable(s.Out)
	}
	if err != nil {
		return &Invalid{
			Name: "OUT", Value: s.Out, Origin: "flag -crucible.out, environment PGCRUCIBLE_OUT or its default",
			Expected: fmt.Sprintf("a folder that can be written (%v)", err),
		}
	}
	return nil
}

func writable(dir string) error {
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return err
	}
	_, err = probe.WriteString("x")
	return errors.Join(err, probe.Close(), os.Remove(probe.Name()))
}

// AbsoluteOut is the output folder as an absolute path. A test binary's working folder is its package's, so a relative one
// is taken from root, the module's top folder.
func (s Settings) AbsoluteOut(root string) string {
	if filepath.IsAbs(s.Out) {
		return s.Out
	}
	return filepath.Join(root, s.Out)
}
