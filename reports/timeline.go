package reports

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// TimelineFile is the page of one run, in the run's folder.
const TimelineFile = "timeline.html"

// Most of what the page lists. Beyond it the page says how much was left out and where it is.
const (
	mostLost      = 1000
	mostSpans     = 300
	mostFaults    = 50
	mostVerdicts  = 100
	mostPerCheck  = 50
	mostPairs     = 200
	mostCloseUps  = 6
	mostPinsTotal = 400
)

// timelinePage is what timeline.html is made of. All texts are cleaned; the template escapes them.
type timelinePage struct {
	Head     head
	Name     string
	Status   history.Status
	Badge    string
	Sentence string
	Story    string
	Trouble  []string
	Budget   []budgetRow
	Measures []measureRow
	Views    []view
	MoreNote string // what is not shown in close-ups
	Legend   []legend
	Phases   []phaseRow
	Lost     lostTable
	Findings []finding
	Passed   []history.Verdict
	Faults   []faultRow
	Spans    []spanRow
	MoreSpan int
	Facts    []pair
	Plan     []string
	Settings []pair
	Machine  []pair
	Nodes    []nodeRow
	Replay   string
	Recheck  string
	Logs     []nodeLog
	Index    string
	Linear   string // porcupine's page beside this one; empty: there is none
}

type pair struct{ Key, Value string }

type legend struct{ Class, Text string }

type phaseRow struct {
	Name, At, Since, Took, Note string
}

type finding struct {
	Number   string
	Checker  string
	Status   history.Status
	Sentence string
	Witness  []witnessRow
	More     int
}

type witnessRow struct {
	Number, At, Node, Token, Detail string
	Pins                            []pinLink
}

type pinLink struct{ Href, Text string }

type faultRow struct {
	What, Node, From, To, Took, Err string
	Values                          []pair
}

type spanRow struct {
	Name, Node, Detail, From, Took, Err string
	Values                              string
}

type nodeRow struct {
	Name, Address, Role, End string
}

// timeline makes the page of a run. Logs of its nodes are read from its folder.
func timeline(r Result, index string) ([]byte, error) {
	p := newPage(r)
	p.Index = index
	p.Logs = readLogs(r.Dir, r.Run, moments(r))
	if _, err := os.Stat(filepath.Join(r.Dir, history.LinearFile)); err == nil && r.Dir != "" {
		p.Linear = history.LinearFile
	}
	var out bytes.Buffer
	if err := pages().ExecuteTemplate(&out, "timeline.html", p); err != nil {
		return nil, fmt.Errorf("timeline of %s: %w", Cut(r.Run.ID, 80), err)
	}
	return out.Bytes(), nil
}

// writeTimeline puts the page into the run's folder, which is made if it is gone. index is the way back from there.
func writeTimeline(r Result, index string) error {
	text, err := timeline(r, index)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return fmt.Errorf("write %s: %w", TimelineFile, err)
	}
	return put(r.Dir, TimelineFile, text)
}

func newPage(r Result) timelinePage {
	run := r.Run
	p := timelinePage{
		Name: line(r.Name()), Status: r.Status(), Badge: sign(r.Status()), Sentence: Clean(r.Sentence()), Story: Clean(run.Story),
		Budget: budget(r), Measures: measureRows(measure(r)), Legend: legends(), Phases: phaseRows(r),
		Facts: facts(run), Settings: pairs(run.Settings), Machine: pairs(run.Machine), Nodes: nodeRows(run),
		Replay: Clean(run.Replay), Recheck: "make recheck RUN=" + Clean(r.Dir),
	}
	p.Head = newHead(p.Name + ": " + string(p.Status))
	for _, text := range troubles(r) {
		p.Trouble = append(p.Trouble, Clean(text))
	}
	for _, text := range run.Plan[:min(len(run.Plan), mostPairs)] {
		p.Plan = append(p.Plan, Clean(text))
	}
	s := newStory(r)
	p.Lost = lostRows(r, s.lost)
	p.Views, p.MoreNote = s.views()
	p.Findings = findings(r, p.Views)
	for _, v := range r.Verdicts[:min(len(r.Verdicts), mostVerdicts)] {
		if v.Status == history.Pass {
			p.Passed = append(p.Passed, history.Verdict{Checker: line(v.Checker), Sentence: Clean(v.Sentence)})
		}
	}
	p.Faults = faultRows(s.spans)
	p.Spans, p.MoreSpan = spanRows(s.spans)
	return p
}

func newStory(r Result) story {
	s := story{result: r, spans: slices.Clone(r.Run.Spans), pins: pinsOf(r), lost: missing(r.Run)}
	slices.SortStableFunc(s.spans, func(a, b history.Span) int { return cmp.Compare(a.Start, b.Start) })
	s.nodes, s.stretches = stretches(r.Run)
	return s
}

// pinsOf numbers the witnesses that have a moment.
func pinsOf(r Result) []pin {
	var pins []pin
	for i, v := range Findings(r.Verdicts) {
		for j, w := range v.Witness[:min(len(v.Witness), mostPerCheck)] {
			if w.At != 0 && len(pins) < mostPinsTotal {
				pins = append(pins, pin{w.At, fmt.Sprintf("%d.%d", i+1, j+1), line(v.Checker) + ": " + witness(w)})
			}
		}
	}
	return pins
}

// views are the whole run and close-ups: of the outage, of the story where it is a small part of the run, and of findings
// that lie elsewhere.
func (s story) views() (all []view, note string) {
	end := extent(s.result.Run) + 1 // the last moment is on the axis too
	whole := newAxis(beginning(s.result.Run, end), end, bestBin)
	all = []view{s.view("whole", "whole run", "The whole run", whole)}
	if whole.from > 0 {
		all[0].Note += " Before that the pair was built."
	}
	windows := s.closeUps(whole)
	if left := len(windows) - mostCloseUps; left > 0 {
		note = fmt.Sprintf("%s more around findings are not drawn; history.jsonl has everything.", count(left, "close-up"))
		windows = windows[:mostCloseUps]
	}
	for i, w := range windows {
		short := fmt.Sprintf("close-up %d", i+1)
		all = append(all, s.view(fmt.Sprintf("close-%d", i+1), short, capital(short)+": "+w.title, newAxis(w.From, w.To, fineBin)))
	}
	return all, note
}

type closeUp struct {
	history.Window
	title string
}

func (s story) closeUps(whole axis) []closeUp {
	var windows []closeUp
	add := func(title string, from, to, around time.Duration) {
		w := history.Window{From: max(whole.from, from-around), To: min(whole.to, to+around)}
		if w.To > w.From && w.Length() <= whole.length()/2 {
			windows = append(windows, closeUp{w, title})
		}
	}
	p := s.result.Phases
	if w := p.Outage; w != nil {
		add("the outage", w.From, w.To, max(200*time.Millisecond, w.Length()/2))
	}
	if w := p.AtRisk; w != nil {
		add("from the fault until a standby streamed again", w.From, w.To, w.Length()/10+100*time.Millisecond)
	}
	for _, p := range s.pins {
		if !slices.ContainsFunc(windows, func(c closeUp) bool { return p.at >= c.From && p.at <= c.To }) {
			add("finding "+p.number, p.at, p.at, time.Second)
		}
	}
	return windows
}

func pinID(view, number string) string { return view + "-witness-" + number }

// findingOf is the number of the finding in that of a witness.
func findingOf(number string) string {
	for i, r := range number {
		if r == '.' {
			return number[:i]
		}
	}
	return number
}

func findings(r Result, views []view) []finding {
	var all []finding
	anchors, room := anchorsOf(views), mostPinsTotal
	for i, v := range Findings(r.Verdicts) {
		if i == mostVerdicts {
			break
		}
		f := finding{Number: fmt.Sprint(i + 1), Checker: line(v.Checker), Status: v.Status, Sentence: Clean(said(v))}
		for j, w := range v.Witness[:min(len(v.Witness), mostPerCheck, room)] {
			room--
			number := fmt.Sprintf("%d.%d", i+1, j+1)
			row := witnessRow{Number: number, Node: line(w.Node), Token: line(w.Token), Detail: Cut(w.Detail, 300)}
			if w.At != 0 {
				row.At = clock(w.At)
			}
			for _, view := range views {
				if anchors[pinID(view.ID, number)] {
					row.Pins = append(row.Pins, pinLink{"#" + pinID(view.ID, number), view.Short})
				}
			}
			f.Witness = append(f.Witness, row)
		}
		f.More = max(v.Total, len(v.Witness)) - len(f.Witness)
		all = append(all, f)
	}
	return all
}

func anchorsOf(views []view) map[string]bool {
	known := map[string]bool{}
	for _, v := range views {
		for _, row := range v.Rows {
			for _, b := range row.Blocks {
				for _, id := range b.IDs {
					known[id] = true
				}
			}
		}
	}
	return known
}

// moments are what the nodes' logs are shown around.
func moments(r Result) []time.Duration {
	var all []time.Duration
	p := r.Phases
	for _, at := range []*time.Duration{p.Fault, p.Asked, p.Promoted, p.Started, p.Streaming} {
		if at != nil {
			all = append(all, *at)
		}
	}
	for _, p := range pinsOf(r) {
		all = append(all, p.at)
	}
	return all
}

// pages are the templates. They are parsed anew for each page: it takes a millisecond and leaves no global state.
func pages() *template.Template {
	return template.Must(template.New("").ParseFS(web, "web/*.html"))
}
