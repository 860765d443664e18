// Package front is what stands between a user and a suite: it reads the settings, prepares images and the session, plays
// and judges the cases, and writes the reports. It knows no Ginkgo, so that its errors come before any spec starts.
package front

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	tclog "github.com/testcontainers/testcontainers-go/log"

	"github.com/pgcrucible/pgcrucible/harness/history"
	"github.com/pgcrucible/pgcrucible/harness/image"
	"github.com/pgcrucible/pgcrucible/harness/judge"
	"github.com/pgcrucible/pgcrucible/harness/session"
	"github.com/pgcrucible/pgcrucible/harness/settings"
	"github.com/pgcrucible/pgcrucible/reports"
	"github.com/pgcrucible/pgcrucible/scenarios"
)

// Exit statuses of a suite.
const (
	Good      = 0 // all budgets kept
	Bad       = 1 // a verdict is bad
	CouldNot  = 2 // nothing could be judged: bad input, no engine, no image
	closeTime = 60 * time.Second
)

// Front is one suite's run: settings, images, session, and the results so far.
type Front struct {
	Settings settings.Settings
	ready    image.Ready
	session  *session.Session
	steps    *reports.Steps
	out      string
	stock    scenarios.Stock // the pair between repetitions of one case
	begun    map[string]int  // how many repetitions of each case have begun

	mu      sync.Mutex
	results []reports.Result
}

// Open checks all that can be checked before anything starts, prepares the images and opens the session.
// Its errors are one clear line each.
func Open(ctx context.Context, s settings.Settings, to io.Writer) (*Front, error) {
	if err := check(s); err != nil {
		return nil, err
	}
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	s.Out = s.AbsoluteOut(root)
	if err := s.PrepareOut(); err != nil {
		return nil, err
	}
	tclog.SetDefault(silent{}) // its banner is nobody's step; what goes wrong comes back as errors
	f := &Front{Settings: s, steps: reports.NewSteps(to), out: s.Out}
	if f.ready, err = image.Prepare(ctx, image.Want{Version: s.Version, Image: s.Image}, f.preparing()); err != nil {
		f.steps.Close()
		if s.Image != "" {
			err = fmt.Errorf("IMAGE (from %s): %w", s.Origin("IMAGE"), err)
		}
		return nil, err
	}
	if f.session, err = session.Open(ctx, f.ready.Sandbox); err != nil {
		return nil, err
	}
	if err := f.session.Guarded(); err != nil {
		f.steps.Say("warning: " + err.Error())
	}
	if s.Keep { // pairs of good runs are taken down by the runs themselves: what is left is what is to be kept
		if err := f.session.Keep(ctx, session.SessionLabel, f.session.ID()); err != nil {
			return nil, errors.Join(err, f.session.Close(ctx))
		}
	}
	return f, nil
}

// preparing shows what is done before the first case, with the time since it began.
func (f *Front) preparing() func(string) {
	began := time.Now()
	return func(step string) { f.steps.Step(step, time.Since(began)) }
}

// Play plays one case, judges what is on disk, writes the judgement beside it, and keeps the result for the reports.
func (f *Front) Play(ctx context.Context, c Case) (reports.Result, error) {
	f.steps.Begin(c.String())
	last := f.last(c)
	dir, played := scenarios.Play(ctx, c.Scenario, f.setup(c, last))
	f.steps.Close()
	if dir == "" {
		return reports.Result{}, played
	}
	result, err := Judge(dir)
	if err != nil {
		return reports.Result{}, errors.Join(played, err)
	}
	f.steps.End(result)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.results = append(f.results, result)
	return result, nil
}

// Judge loads a run's folder, judges it, and writes the judgement beside it.
func Judge(dir string) (reports.Result, error) {
	run, err := history.Load(dir)
	if err != nil {
		return reports.Result{}, err
	}
	judgement := judge.Of(run)
	if err := errors.Join(judge.Write(dir, judgement), judge.Draw(dir, run)); err != nil {
		return reports.Result{}, err
	}
	return reports.Result{Run: run, Verdicts: judgement.Verdicts, Phases: judgement.Phases, Dir: dir}, nil
}

// last counts the repetitions that begin, whatever their numbers: a suite may play them in any order.
func (f *Front) last(c Case) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.begun == nil {
		f.begun = map[string]int{}
	}
	f.begun[c.kind()]++
	return f.begun[c.kind()] >= f.Settings.Runs
}

func (f *Front) setup(c Case, last bool) scenarios.Setup {
	s := f.Settings
	return scenarios.Setup{
		Ready: f.ready, Labels: f.session.Labels(), Procedure: c.Procedure, Level: c.Level,
		Seed: s.Seed, Repetition: c.Repetition, Clients: s.Clients, Rate: s.Rate, Rows: s.Rows, MinBefore: s.MinBefore,
		Stock: &f.stock, Last: last, Backlog: int64(s.Backlog) * 1e6, NoChecksums: !s.Checksums,
		Out: f.out, Keep: s.Keep, Settings: s.Given(), Replay: s.Replay(c.Scenario.Name, c.Procedure.Name(), c.Level, c.Repetition),
		Log: f.steps.Step,
	}
}

// Close writes the reports, prints the table, and removes what is left on the engine.
func (f *Front) Close(ctx context.Context, to io.Writer) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	err := errors.Join(f.report(to), f.stock.Close(ctx), f.session.Close(ctx))
	for _, thing := range f.session.Left() {
		fmt.Fprintln(to, "was left on the engine, removed:", thing)
	}
	return err
}

func (f *Front) report(to io.Writer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.results) == 0 {
		return nil
	}
	if err := reports.Write(f.out, f.results, reports.Options{}); err != nil {
		return err
	}
	table := reports.Table(f.results, reports.Colour(to))
	if f.Settings.Runs > 1 {
		table += "\n" + reports.BenchTable(f.results, reports.Colour(to))
	}
	_, err := fmt.Fprintf(to, "\n%s\nevidence: %s\n", table, f.out)
	return err
}

// silent is a logger that says nothing.
type silent struct{}

func (silent) Printf(string, ...any) {}

// moduleRoot is the folder of the nearest go.mod above the working folder, which for a test binary is its package's;
// without one it is the working folder.
func moduleRoot() (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return here, nil
		}
	}
}
