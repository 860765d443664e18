package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Load reads a run's folder. A last line that was cut short (the tester was killed) is left out;
// any other line that is not well-formed is an error that names it.
func Load(dir string) (*Run, error) {
	var run Run
	text, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	if err != nil {
		return nil, fmt.Errorf("load run: %w", err)
	}
	if err := json.Unmarshal(text, &run.Manifest); err != nil {
		return nil, fmt.Errorf("load %s: %w", filepath.Join(dir, ManifestFile), err)
	}
	file, err := os.Open(filepath.Join(dir, HistoryFile))
	if err != nil {
		return nil, fmt.Errorf("load run: %w", err)
	}
	defer file.Close()
	if err := run.read(file); err != nil {
		return nil, fmt.Errorf("load %s: %w", filepath.Join(dir, HistoryFile), err)
	}
	return &run, nil
}

func (run *Run) read(from io.Reader) error {
	in := bufio.NewReaderSize(from, 1<<20)
	for number := 1; ; number++ {
		text, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // without a newline the line was cut short
		}
		if err != nil {
			return err
		}
		if err := run.add(bytes.TrimSpace(text), number); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
}

func (run *Run) add(text []byte, number int) error {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return err
	}
	switch {
	case l.Op != nil:
		l.Op.Line = number
		run.Ops = append(run.Ops, *l.Op)
	case l.Span != nil:
		run.Spans = append(run.Spans, *l.Span)
	case l.Sample != nil:
		run.Samples = append(run.Samples, *l.Sample)
	case l.Final != nil:
		run.Final = append(run.Final, *l.Final)
	default:
		return errors.New("neither op, span, sample nor final")
	}
	return nil
}
