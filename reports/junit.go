package reports

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The elements of junit.xml, as Jenkins' schema and its readers in GitLab, GitHub actions and Azure take them.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name      string      `xml:"name,attr"`
		Tests     int         `xml:"tests,attr"`
		Failures  int         `xml:"failures,attr"`
		Errors    int         `xml:"errors,attr"`
		Skipped   int         `xml:"skipped,attr"`
		Time      string      `xml:"time,attr"`
		Timestamp string      `xml:"timestamp,attr,omitempty"`
		Cases     []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name       string          `xml:"name,attr"`
		Class      string          `xml:"classname,attr"`
		Time       string          `xml:"time,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Failure    *junitText      `xml:"failure"`
		Error      *junitText      `xml:"error"`
		Skipped    *junitText      `xml:"skipped"`
		Output     string          `xml:"system-out,omitempty"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitText struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// JUnit is junit.xml: a suite a scenario, a case a run. A run whose story broke off is an error, a bad verdict a failure of
// type fail or unknown.
func JUnit(report Report) ([]byte, error) {
	all := junitSuites{Name: "pgcrucible"}
	var took time.Duration
	for _, g := range byScenario(report.Runs) {
		suite, length := junitOf(g)
		all.Suites = append(all.Suites, suite)
		all.Tests, all.Failures = all.Tests+suite.Tests, all.Failures+suite.Failures
		all.Errors, all.Skipped = all.Errors+suite.Errors, all.Skipped+suite.Skipped
		took += length
	}
	all.Time = junitTime(took)
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("junit: %w", err)
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}

// byScenario groups by scenario alone.
func byScenario(entries []Entry) []Group {
	var groups []Group
	for _, e := range entries {
		i := slices.IndexFunc(groups, func(g Group) bool { return g.Scenario == e.Scenario })
		if i < 0 {
			i = len(groups)
			groups = append(groups, Group{Key: Key{Scenario: e.Scenario}})
		}
		groups[i].Runs = append(groups[i].Runs, e)
	}
	return groups
}

func junitOf(g Group) (suite junitSuite, took time.Duration) {
	suite = junitSuite{Name: Clean(g.Scenario), Tests: len(g.Runs)}
	if began := g.Runs[0].Began; !began.IsZero() {
		suite.Timestamp = began.UTC().Format("2006-01-02T15:04:05")
	}
	for _, e := range g.Runs {
		c := junitRun(e)
		switch {
		case c.Error != nil:
			suite.Errors++
		case c.Failure != nil:
			suite.Failures++
		case c.Skipped != nil:
			suite.Skipped++
		}
		took += length(e)
		suite.Cases = append(suite.Cases, c)
	}
	suite.Time = junitTime(took)
	return suite, took
}

func junitRun(e Entry) junitCase {
	c := junitCase{Name: Clean(e.title()), Class: "pgcrucible." + Clean(e.Scenario), Time: junitTime(length(e)), Properties: properties(e)}
	text := &junitText{Message: Clean(e.Sentence), Type: string(e.Status), Text: details(e)}
	switch {
	case e.Status == Skipped:
		c.Skipped = &junitText{Message: Clean(e.Skipped)}
	case e.Error != "":
		c.Error = text
	case Bad(e.Status):
		c.Failure = text
	default:
		c.Output = Clean(e.Sentence)
	}
	return c
}

// title names a run within its scenario.
func (e Entry) title() string {
	parts := []string{e.Scenario}
	for _, p := range []string{e.Commit, e.Procedure} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if e.Version != "" {
		parts = append(parts, "PostgreSQL "+e.Version)
	}
	return strings.Join(parts, ", ") + fmt.Sprintf(", run %d", e.Repetition)
}

func properties(e Entry) []junitProperty {
	all := []junitProperty{{"run", Clean(e.ID)}, {"seed", fmt.Sprint(e.Seed)}, {"folder", Clean(e.Dir)}, {"replay", Clean(e.Replay)}}
	for _, m := range Measures() {
		if v, ok := e.Measures[m.Unit]; ok {
			all = append(all, junitProperty{string(m.Unit), fmt.Sprint(v)})
		}
	}
	return all
}

// details are the findings with their witnesses, a line each.
func details(e Entry) string {
	var b strings.Builder
	for _, v := range Findings(e.Verdicts) {
		fmt.Fprintf(&b, "%s (%s): %s\n", Clean(v.Checker), v.Status, Clean(v.Sentence))
		for _, w := range v.Witness {
			fmt.Fprintf(&b, "  %s\n", witness(w))
		}
	}
	fmt.Fprintf(&b, "evidence: %s\nreplay: %s\n", Clean(e.Dir), Clean(e.Replay))
	return b.String()
}

// length is how long a run took; 0 if it has no end.
func length(e Entry) time.Duration {
	if e.Ended.IsZero() {
		return 0
	}
	return e.Ended.Sub(e.Began)
}

func junitTime(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
