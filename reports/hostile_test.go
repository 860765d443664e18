package reports

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// harmfulRunes are what a terminal or a reader's eye would obey.
func harmfulRunes(text string) (found []rune) {
	for _, r := range text {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			found = append(found, r)
		}
	}
	return found
}

func TestHostileTextInTheTerminal(t *testing.T) {
	r := hostile()
	for name, text := range map[string]string{"table": Table([]Result{r}, false), "failure": Failure(r, false), "summary": Summary(Of("", []Result{r}))} {
		if found := harmfulRunes(text); len(found) > 0 {
			t.Errorf("%s: control characters %q", name, found)
		}
		if !utf8.ValidString(text) {
			t.Errorf("%s: not UTF-8", name)
		}
		if len(text) > 60_000 {
			t.Errorf("%s: %d bytes, long texts are not cut", name, len(text))
		}
	}
}

func TestHostileTextInMarkdown(t *testing.T) {
	text := Summary(Of("", []Result{hostile()}))
	rows := 0
	for _, row := range strings.Split(text, "\n") {
		if !strings.HasPrefix(row, "|") {
			continue
		}
		rows++
		if n := strings.Count(strings.ReplaceAll(row, `\|`, ""), "|"); n != 12 {
			t.Errorf("%d bars in a row of 11 columns: %.200s", n, row)
		}
	}
	if rows != 3 {
		t.Errorf("%d rows, want heading, rule and one run", rows)
	}
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "Evidence: ") || strings.HasPrefix(line, "Replay: ") {
			continue // code spans: shown as they are
		}
		for _, bad := range []string{"<script", "<img", "[x](", "</style"} {
			if strings.Contains(line, bad) {
				t.Errorf("%q stands as markup in: %.200s", bad, line)
			}
		}
	}
}

func TestHostileTextInXMLAndJSON(t *testing.T) {
	report := Of("", []Result{hostile()})
	junit, err := JUnit(report)
	if err != nil {
		t.Fatal(err)
	}
	decoder := xml.NewDecoder(strings.NewReader(string(junit)))
	elements := map[string]int{}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("junit.xml is not well-formed: %v", err)
		}
		if start, ok := token.(xml.StartElement); ok {
			elements[start.Name.Local]++
		}
	}
	if elements["script"]+elements["img"] > 0 || elements["testcase"] != 1 || elements["error"] != 1 {
		t.Errorf("elements %v", elements)
	}
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := back.Runs[0].Scenario, report.Runs[0].Scenario; got != want {
		t.Errorf("scenario %q came back as %q", want, got)
	}
}

func FuzzClean(f *testing.F) {
	for _, text := range hostileTexts() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Cut(text, 100)
		if found := harmfulRunes(got); len(found) > 0 {
			t.Errorf("control characters %q in %q", found, got)
		}
		if n := utf8.RuneCountInString(got); n > 140 {
			t.Errorf("%d characters of at most 100 and a note", n)
		}
	})
}
