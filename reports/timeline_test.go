package reports

import (
	"html"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

func pageOf(t *testing.T, r Result) string {
	t.Helper()
	text, err := timeline(r, "../index.html")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTimelineTellsEverything(t *testing.T) {
	r := killPrimary(made{commit: "async", lost: 37, scenario: "cut-then-kill"})
	page := pageOf(t, r)
	want := []string{
		r.Sentence(), r.Run.Story, r.Run.Replay, "pgcrucible/postgres:17", "10.77.0.11", "kill(pg1 postmaster)", "connection refused on 10.77.0.11:5432",
		"primary · TL 1", "standby · TL 3", ">down<", "outage 182 ms", "fault 1.2 s after the pair has settled", "make recheck RUN=", "36 acknowledged writes are not on the final primary",
		"past", "close-up 1", "SIGKILL", "exceeded", `http-equiv="Content-Security-Policy"`,
	}
	for _, w := range want {
		if !strings.Contains(html.UnescapeString(page), w) {
			t.Errorf("the page does not say %q", w)
		}
	}
	for _, op := range missing(r.Run) {
		if !strings.Contains(page, ">"+op.Token+"<") {
			t.Errorf("lost token %s is not listed", op.Token)
		}
	}
	for _, bad := range []string{"http://", "https://", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
}

func TestTimelineOfALongRunIsSmall(t *testing.T) {
	r := killPrimary(made{ops: 60_000, rate: 40, commit: "async", lost: 2000})
	page := pageOf(t, r)
	if len(page) > 5<<20 {
		t.Errorf("%d bytes", len(page))
	}
	for _, w := range []string{"The history is too long for bins of 100 ms", "more in history.jsonl", "Close-up"} {
		if !strings.Contains(page, w) {
			t.Errorf("the page does not say %q", w)
		}
	}
}

// A flapping node, thousands of spans, findings all over: whatever comes, the page stays below its size.
func TestTimelineOfAWildRunIsSmall(t *testing.T) {
	r := killPrimary(made{ops: 20_000})
	for i := range r.Run.Samples {
		r.Run.Samples[i].Up = i%3 != 0
	}
	long := strings.Repeat("<x>&\"", 2000)
	for i := range 5000 {
		at := time.Duration(i) * 10 * ms
		r.Run.Spans = append(r.Run.Spans, history.Span{Name: history.SpanFault, Node: long, Detail: long, Start: at, End: at + ms, Err: long, Values: map[string]string{long: long}})
		r.Run.Settings[long+time.Duration(i).String()] = long
	}
	for i := range 60 {
		v := history.Verdict{Checker: long, Status: history.Fail, Sentence: long}
		for j := range 20 {
			v.Witness = append(v.Witness, history.Witness{At: time.Duration(i*20+j) * 40 * ms, Node: long, Token: long, Detail: long})
		}
		r.Verdicts = append(r.Verdicts, v)
	}
	if n := len(pageOf(t, r)); n > 5<<20 {
		t.Errorf("%d bytes", n)
	}
}

func TestTimelineOfAnEmptyRun(t *testing.T) {
	page := pageOf(t, Result{Run: &history.Run{}})
	if !strings.Contains(page, "Nothing was checked, so nothing is known.") {
		t.Error("an empty run does not say that nothing is known")
	}
}

func TestBinsCountEverything(t *testing.T) {
	r := killPrimary(made{})
	for _, least := range []time.Duration{ms, fineBin, bestBin, time.Second} {
		a := newAxis(0, extent(r.Run)+1, least)
		if a.bins() > mostBins {
			t.Errorf("%d bins of %s", a.bins(), a.bin)
		}
		n := 0
		for _, b := range fill(r.Run, a) {
			n += b.acknowledged + b.failed + b.unknown
		}
		if n != len(r.Run.Ops) {
			t.Errorf("bins of %s hold %d of %d operations", a.bin, n, len(r.Run.Ops))
		}
	}
}

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for p, want := range map[int]time.Duration{50: 50, 95: 95, 99: 99, 100: 100, 0: 1} {
		if got := percentile(hundred, p); got != want {
			t.Errorf("percentile %d: %d, want %d", p, got, want)
		}
	}
	if percentile(nil, 50) != 0 || percentile(hundred[:1], 99) != 1 {
		t.Error("of nothing or of one value")
	}
}

func TestStretches(t *testing.T) {
	sample := func(at time.Duration, up, writable bool, timeline int) history.Sample {
		s := history.Sample{Node: "pg1", At: at, Up: up, Writable: writable, InRecovery: up && !writable}
		if timeline == 2 {
			s.Timeline = 2
		} else {
			s.Timeline = 1
		}
		return s
	}
	run := &history.Run{Samples: []history.Sample{
		sample(0, true, true, 1), sample(50*ms, true, true, 1), sample(100*ms, false, false, 1), sample(150*ms, true, false, 2), sample(3*time.Second, true, false, 2),
	}}
	nodes, of := stretches(run)
	want := []stretch{{state{"primary", 1}, 0, 100 * ms}, {state{role: "down"}, 100 * ms, 150 * ms}, {state{"standby", 2}, 150 * ms, 150 * ms}, {state{"standby", 2}, 3 * time.Second, 3 * time.Second}}
	if !slices.Equal(nodes, []string{"pg1"}) || !slices.Equal(of["pg1"], want) {
		t.Errorf("%v: got %v, want %v", nodes, of["pg1"], want)
	}
}

// A node that only answers late was what it is; one that is silent for long, or something else afterwards, was silent.
func TestShortSilencesAreBridged(t *testing.T) {
	up := func(at time.Duration, standby bool) history.Sample {
		return history.Sample{Node: "pg1", At: at, Up: true, Writable: !standby, InRecovery: standby, Timeline: 1}
	}
	mute := func(at time.Duration) history.Sample {
		return history.Sample{Node: "pg1", At: at, Err: history.NoAnswer}
	}
	primary, standby, quiet := state{"primary", 1}, state{"standby", 1}, state{role: silent}
	for name, c := range map[string]struct {
		samples []history.Sample
		want    []state
	}{
		"late":             {[]history.Sample{up(0, false), mute(50 * ms), mute(100 * ms), up(150*ms, false), mute(200 * ms), up(250*ms, false)}, []state{primary}},
		"long":             {[]history.Sample{up(0, false), mute(50 * ms), mute(400 * ms), mute(700 * ms), up(750*ms, false)}, []state{primary, quiet, primary}},
		"then another":     {[]history.Sample{up(0, false), mute(50 * ms), up(100*ms, true)}, []state{primary, quiet, standby}},
		"at the beginning": {[]history.Sample{mute(0), up(50*ms, false)}, []state{quiet, primary}},
		"at the end":       {[]history.Sample{up(0, false), mute(50 * ms)}, []state{primary, quiet}},
		"down is down":     {[]history.Sample{up(0, false), {Node: "pg1", At: 50 * ms, Err: "connection refused"}, up(100*ms, false)}, []state{primary, {role: "down"}, primary}},
	} {
		_, of := stretches(&history.Run{Samples: c.samples})
		var got []state
		for i, s := range of["pg1"] {
			got = append(got, s.state)
			if i > 0 && s.from != of["pg1"][i-1].to {
				t.Errorf("%s: a gap before %+v", name, s)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if text := quiet.String(); text != "no answer" {
		t.Errorf("%q", text)
	}
}

// Where building the pair took a good part of the run, the drawing begins with the clients.
func TestTheDrawingBeginsWhereSomethingHappens(t *testing.T) {
	late := killPrimary(made{}).Run
	for i := range late.Ops {
		late.Ops[i].Scheduled, late.Ops[i].Call, late.Ops[i].Return = late.Ops[i].Scheduled+5*time.Second, late.Ops[i].Call+5*time.Second, late.Ops[i].Return+5*time.Second
	}
	for i := range late.Spans {
		late.Spans[i].Start, late.Spans[i].End = late.Spans[i].Start+5*time.Second, late.Spans[i].End+5*time.Second
	}
	for i := range late.Samples {
		late.Samples[i].At += 5 * time.Second
	}
	end := extent(late)
	if from := beginning(late, end); from < 4500*ms || from > 5250*ms {
		t.Errorf("it begins at %s", from)
	}
	early := killPrimary(made{}).Run
	if from := beginning(early, extent(early)); from != 0 {
		t.Errorf("it begins at %s", from)
	}
}

func TestTicks(t *testing.T) {
	for _, length := range []time.Duration{10 * ms, 582 * ms, 12 * time.Second, time.Hour} {
		ticks := newAxis(4321*ms, 4321*ms+length, fineBin).ticks()
		if len(ticks) < 4 || len(ticks) > 12 {
			t.Errorf("%s: %d ticks", length, len(ticks))
		}
		seen := map[string]bool{}
		for _, tick := range ticks {
			if seen[tick.Text] || tick.Left < 0 || tick.Left > 100 {
				t.Errorf("%s: tick %+v again or outside", length, tick)
			}
			seen[tick.Text] = true
		}
	}
}

func TestLogsAroundTheMoments(t *testing.T) {
	r := killPrimary(made{})
	r.Dir = t.TempDir()
	folder := filepath.Join(r.Dir, "nodes", "pg1")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	stamp := func(at time.Duration) string { return r.Run.Began.Add(at).Format("2006-01-02 15:04:05.000 MST") }
	text := stamp(time.Second) + " [12] LOG: long before\n" +
		stamp(4250*ms) + " [12] FATAL: <b>terminating\x1b[2J</b> connection\n\tdetail of it\n" +
		stamp(11*time.Second) + " [12] LOG: long after\n" + strings.Repeat("x", 100_000)
	if err := os.WriteFile(filepath.Join(folder, "postgresql.log"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	logs := readLogs(r.Dir, r.Run, moments(r))
	if len(logs) != 1 || len(logs[0].Lines) != 2 || logs[0].Left != 3 || !logs[0].Lines[0].Bad || logs[0].Lines[0].At != "4.250 s" {
		t.Fatalf("read %+v", logs)
	}
	page := pageOf(t, r)
	if !strings.Contains(page, "&lt;b&gt;terminating␛[2J&lt;/b&gt; connection") || strings.Contains(page, "long before") {
		t.Error("the log's lines are not on the page, or not escaped")
	}
}

func TestBudgetRows(t *testing.T) {
	r := killPrimary(made{lost: 37, outage: 12 * time.Second})
	over := map[string]bool{}
	for _, row := range budget(r) {
		over[row.What] = row.Over
	}
	if !over["outage"] || !over["acknowledged writes lost"] || over["acknowledged writes before the fault"] {
		t.Errorf("exceeded: %v", over)
	}
	r.Run.Budget = history.Budget{Lost: -1, MinBefore: 1_000_000}
	for _, row := range budget(r) {
		if row.Over != (row.What == "acknowledged writes before the fault") {
			t.Errorf("%+v", row)
		}
	}
}
