package settings

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	return s, nil
}

// CheckNames refuses scenarios that are not known; names are the known ones.
func (s Settings) CheckNames(names []string) error {
	for _, name := range s.Scenarios {
		if !slices.Contains(names, name) {
			return &Invalid{
				Name: "SCENARIO", Value: name, Origin: "flag -crucible.scenario or environment PGCRUCIBLE_SCENARIO",
				Expected: "one of " + strings.Join(names, ", "),
			}
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
