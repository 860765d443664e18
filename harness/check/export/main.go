// Command export writes the transactions of a recorded run in Jepsen's shape, so that anyone can have it checked by somebody
// else's checker: export RUN writes RUN/jepsen/WORKLOAD.MODEL.edn and .json and prints how elle-cli reads them.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pgcrucible/pgcrucible/harness/check/jepsen"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

func main() {
	if len(os.Args) != 2 || os.Args[1] == "" {
		fmt.Fprintln(os.Stderr, "export: want the folder of one run, for example: make export RUN=out/<run>")
		os.Exit(2)
	}
	if err := export(os.Stdout, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "export:", err)
		os.Exit(2)
	}
}

func export(out io.Writer, dir string) error {
	run, err := history.Load(dir)
	if err != nil {
		return err
	}
	parts := jepsen.Parts(run.Ops)
	if len(parts) == 0 {
		return fmt.Errorf("%s has no transactions on lists or registers", dir)
	}
	to := filepath.Join(dir, "jepsen")
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("make the folder for the export: %w", err)
	}
	for _, part := range parts {
		for _, ending := range []string{"edn", "json"} {
			path := filepath.Join(to, fmt.Sprintf("%s.%s.%s", fileName(part.Workload), part.Model, ending))
			if err := write(path, part, ending == "json"); err != nil {
				return err
			}
			fmt.Fprintf(out, "%s   (elle-cli --model %s %s)\n", path, part.Model, path)
		}
	}
	return nil
}

// fileName keeps of a workload's name what is safe in a file's.
func fileName(workload string) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, workload)
	if safe == "" {
		return "history"
	}
	return safe
}

func write(path string, part *jepsen.Part, json bool) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if err := part.Write(file, json); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("export %s: %w", path, err)
	}
	return nil
}
