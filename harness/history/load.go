package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

// blockSize is how much of a history one goroutine reads at a time.
const blockSize = 1 << 20

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
	if err := run.read(file, blockSize); err != nil {
		return nil, fmt.Errorf("load %s: %w", filepath.Join(dir, HistoryFile), err)
	}
	return &run, nil
}

// block is some whole lines and what was in them.
type block struct {
	text  []byte
	run   Run
	lines int // that were read; the one after them has err
	err   error
}

// read reads blocks of whole lines, as many at once as there are processors, and puts them together in their order.
func (run *Run) read(from io.Reader, size int) error {
	var blocks []*block
	var parsing sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	var rest []byte
	var err error
	for err == nil {
		b := &block{}
		b.text, rest, err = nextBlock(from, rest, size)
		blocks = append(blocks, b)
		free <- struct{}{}
		parsing.Go(func() { b.parse(); <-free })
	}
	parsing.Wait()
	if !errors.Is(err, io.EOF) {
		return err
	}
	return run.join(blocks)
}

// nextBlock reads until there is a whole line. What is after the last one is for the next block; at the end it is a line cut short.
func nextBlock(from io.Reader, begun []byte, size int) (lines, rest []byte, err error) {
	text := append(make([]byte, 0, size+len(begun)), begun...)
	for {
		if len(text) == cap(text) {
			text = append(make([]byte, 0, 2*cap(text)), text...)
		}
		begun := len(text)
		n, err := from.Read(text[begun:cap(text)])
		text = text[:begun+n]
		// A long line is searched once: what was begun has no newline, unless the block was still filling.
		if err != nil || len(text) >= size && bytes.IndexByte(text[begun:], '\n') >= 0 {
			end := bytes.LastIndexByte(text, '\n') + 1
			return text[:end], text[end:], err
		}
	}
}

// parse stops at the first line that is not well-formed.
func (b *block) parse() {
	d := decoder{words: map[string]string{}}
	b.run.Ops = make([]Op, 0, bytes.Count(b.text, []byte("\n")))
	for text := b.text; len(text) > 0 && b.err == nil; {
		end := bytes.IndexByte(text, '\n')
		ops := len(b.run.Ops)
		if b.err = d.line(bytes.TrimSpace(text[:end]), &b.run); b.err != nil {
			break
		}
		b.lines++
		if len(b.run.Ops) > ops {
			b.run.Ops[ops].Line = b.lines
		}
		text = text[end+1:]
	}
	b.text = nil
}

func (run *Run) join(blocks []*block) error {
	ops := 0
	for _, b := range blocks {
		ops += len(b.run.Ops)
	}
	run.Ops = make([]Op, 0, ops)
	before := 0
	for i, b := range blocks {
		if b.err != nil {
			return fmt.Errorf("line %d: %w", before+b.lines+1, b.err)
		}
		for j := range b.run.Ops {
			b.run.Ops[j].Line += before
		}
		run.Ops = append(run.Ops, b.run.Ops...)
		run.Spans = append(run.Spans, b.run.Spans...)
		run.Samples = append(run.Samples, b.run.Samples...)
		run.Final = append(run.Final, b.run.Final...)
		before += b.lines
		blocks[i] = nil // its memory can go
	}
	return nil
}
