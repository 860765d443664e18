package reports

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/pgcrucible/pgcrucible/harness/history"
)

// The pages are opened in a real browser. Without one these tests are skipped, and say so.

// screenshots are kept where people look at them.
const screenshots = "../out/screenshots"

// A browser collects whatever a page should not do.
type browser struct {
	ctx      context.Context
	mu       sync.Mutex
	requests []string
	wrong    []string
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no chromium here (Debian: apt-get install chromium): the pages were not opened in a browser")
	return ""
}

func open(t *testing.T) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(1300, 900))
	ctx, cancelAllocator := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancelAllocator)
	ctx, cancelBrowser := chromedp.NewContext(ctx)
	t.Cleanup(cancelBrowser)
	b := &browser{ctx: ctx}
	b.do(t) // starts it
	if err := chromedp.Listen(ctx, b.note); err != nil {
		t.Fatal(err)
	}
	call(t, b, network.Enable, network.EnableParams{})
	call(t, b, log.Enable, cdp.Empty{})
	return b
}

func (b *browser) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		b.wrong = append(b.wrong, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		b.wrong = append(b.wrong, fmt.Sprintf("console %s", e.Type))
	case *log.EventEntryAdded:
		b.wrong = append(b.wrong, fmt.Sprintf("log %s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	}
}

// patience is how long one step of a browser may take on a machine that is loaded.
const patience = time.Minute

func (b *browser) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// call sends a command of the browser's protocol.
func call[P, R any](t *testing.T, b *browser, command cdp.Command[P, R], params P) R {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	answer, err := chromedp.Call(ctx, command, params)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// visit opens a file and fails on anything that the page complains of or asks for.
func (b *browser) visit(t *testing.T, path string) {
	t.Helper()
	b.mu.Lock()
	b.requests, b.wrong = nil, nil
	b.mu.Unlock()
	b.do(t, chromedp.Navigate(address(path)))
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, asked := range b.requests {
		if asked != address(path) && !strings.HasPrefix(asked, "data:") {
			t.Errorf("%s asks for %.200s", filepath.Base(path), asked)
		}
	}
	for _, wrong := range b.wrong {
		t.Errorf("%s: %.300s", filepath.Base(path), wrong)
	}
}

// address is the URL of a file.
func address(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

// ask evaluates an expression on the page.
func ask[T any](t *testing.T, b *browser, expression string) (answer T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestPagesInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no browser")
	}
	b := open(t)
	dir := t.TempDir()
	results := placed(dir, append(drill(), killPrimary(made{scenario: "split-brain", commit: "async", overlap: 900 * ms, lost: 60}), hostile()))
	results = append(results, placed(dir, swept())...)
	results[len(results)-1].Dir = filepath.Join(dir, "odd # % name?")
	writeHostileLogs(t, results)
	if err := Write(dir, results, Options{Earlier: []Report{Of("", repeated(6, 1, 170*ms, 900*ms)), Of("", repeated(6, 2, 190*ms, 900*ms))}}); err != nil {
		t.Fatal(err)
	}
	report, err := Read(filepath.Join(dir, ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("timelines", func(t *testing.T) {
		for _, e := range report.Runs[:10] {
			if e.Page != "" {
				testTimeline(t, b, filepath.Join(dir, e.Page), e)
			}
		}
	})
	t.Run("index", func(t *testing.T) { testIndex(t, b, filepath.Join(dir, IndexFile), report) })
	t.Run("pictures", func(t *testing.T) {
		takePictures(t, b, "timeline", filepath.Join(dir, report.Runs[3].Page), "light", "dark", "print")
		takePictures(t, b, "index", filepath.Join(dir, IndexFile), "light", "dark")
		takePictures(t, b, "hostile", filepath.Join(dir, report.Runs[9].Page), "light")
	})
	t.Run("keyboard", func(t *testing.T) { testKeyboard(t, b) })
	t.Run("a million operations", func(t *testing.T) { testMillion(t, b) })
	t.Run("without scripts", func(t *testing.T) { testWithoutScripts(t, b, filepath.Join(dir, report.Runs[3].Page), report.Runs[3]) })
}

func writeHostileLogs(t *testing.T, results []Result) {
	t.Helper()
	for _, r := range results[:10] {
		folder := filepath.Join(r.Dir, "nodes", "pg1")
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, bad := range hostileTexts() {
			text += r.Run.Began.Add(4200*ms).Format("2006-01-02 15:04:05.000 MST") + " [7] FATAL: " + bad + "\n"
		}
		if err := os.WriteFile(filepath.Join(folder, "postgresql.log"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func testTimeline(t *testing.T, b *browser, path string, e Entry) {
	t.Helper()
	b.visit(t, path)
	sameNumbers(t, b, "document", e)
	for _, wrong := range ask[[]string](t, b, checksJS) {
		t.Errorf("%s: %s", e.ID, wrong)
	}
	links := ask[int](t, b, `document.querySelectorAll("a.to-pin").length`)
	with := 0
	for _, v := range Findings(e.Verdicts) {
		for _, w := range v.Witness {
			if w.At != 0 {
				with++
			}
		}
	}
	if links < with {
		t.Errorf("%s: %d links to the drawing, %d witnesses have a moment", e.ID, links, with)
	}
	if lost := seen(ask[[]string](t, b, linksJS)); lost != "" {
		t.Errorf("%s: links that show nothing: %s", e.ID, lost)
	}
}

func seen(wrong []string) string { return strings.Join(wrong, "; ") }

// linksJS follows every link to the drawing and to a finding and says which of their targets are then not in sight.
const linksJS = `(() => {
  const wrong = [];
  for (const a of document.querySelectorAll("a.to-pin, a.pin")) {
    const target = document.getElementById(decodeURIComponent(a.hash.slice(1)));
    if (!target) { wrong.push(a.hash + " is nowhere"); continue; }
    window.scrollTo(0, 0);
    a.click();
    target.scrollIntoView({block: "nearest"});
    const shown = target.closest(".pin") || target, r = shown.getBoundingClientRect();
    if (location.hash !== a.hash) wrong.push(a.hash + " did not become the address");
    if (r.bottom < 0 || r.top > innerHeight || r.right < 0 || r.left > innerWidth) wrong.push(a.hash + " is at " + r.top);
    if (shown.classList.contains("pin") && getComputedStyle(shown).visibility !== "visible") wrong.push(a.hash + " is hidden");
  }
  return wrong;
})()`

// checksJS looks for what must not be: labels over each other, drawings without a description, a page wider than the window,
// markup from text.
const checksJS = `(() => {
  const wrong = [];
  if (window.pwned) wrong.push("text from the run was run as a script");
  if (document.querySelector("script[src], img, iframe, object, link[rel=stylesheet]")) wrong.push("an element that loads something");
  if (document.querySelectorAll("script:not([type])").length !== 1) wrong.push("not exactly one script");
  if (document.documentElement.scrollWidth > innerWidth) wrong.push("wider than the window: " + document.documentElement.scrollWidth);
  for (const svg of document.querySelectorAll("svg")) if (!svg.getAttribute("aria-label") && svg.getAttribute("aria-hidden") !== "true") wrong.push("a drawing without a description");
  for (const th of document.querySelectorAll("thead th")) if (!th.getAttribute("scope")) wrong.push("a heading without scope: " + th.textContent);
  const over = (boxes, what) => {
    boxes = boxes.filter(([r, text]) => text.trim() && r.width > 0).sort((x, y) => x[0].left - y[0].left);
    for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
      const [a, s] = boxes[i], [c, u] = boxes[j];
      if (Math.min(a.right, c.right) - Math.max(a.left, c.left) > 1 && Math.min(a.bottom, c.bottom) - Math.max(a.top, c.top) > 2) wrong.push(what + ": " + s.slice(0, 40) + " lies over " + u.slice(0, 40));
    }
  };
  const box = (e) => [e.getBoundingClientRect(), e.textContent];
  for (const row of document.querySelectorAll(".canvas .row")) over([...row.querySelectorAll(".tick, .pin, .bar > span, .lost > span, .bracket .block > span")].map(box), "in a row");
  for (const labels of document.querySelectorAll(".labels")) over([...labels.querySelectorAll("i")].map(box), "on an axis");
  for (const plot of document.querySelectorAll(".picture svg[role=img]")) over([...plot.querySelectorAll("text")].map(box), "in a plot");
  for (const canvas of document.querySelectorAll(".canvas")) {
    const want = canvas.getBoundingClientRect();
    for (const e of canvas.querySelectorAll(".row, .row > svg")) {
      const r = e.getBoundingClientRect();
      if (Math.abs(r.left - want.left) > 0.5 || Math.abs(r.width - want.width) > 0.5) wrong.push("not on the axis: " + e.parentElement.className + " " + e.getAttribute("class") + ", " + r.width + " of " + want.width);
    }
    const labels = [...canvas.closest(".axis").querySelectorAll(".label")], rows = [...canvas.querySelectorAll(".row")];
    rows.forEach((row, i) => { if (Math.abs(row.getBoundingClientRect().top - labels[i].getBoundingClientRect().top) > 1.5) wrong.push("a label beside its row: " + labels[i].textContent); });
  }
  for (const e of document.querySelectorAll("a[href^='#']")) if (!document.getElementById(decodeURIComponent(e.hash.slice(1)))) wrong.push("a link to nowhere: " + e.hash);
  return wrong;
})()`

// sameNumbers compares every number that is marked on the page with report.json.
func sameNumbers(t *testing.T, b *browser, within string, e Entry) {
	t.Helper()
	shown := ask[[][3]string](t, b, `[...`+within+`.querySelectorAll("[data-unit]")].map((e) => [e.dataset.unit, e.dataset.value, e.textContent])`)
	if len(shown) != len(e.Measures) || len(shown) == 0 && e.Status != Skipped {
		t.Errorf("%s: %d numbers on the page, %d in report.json", e.ID, len(shown), len(e.Measures))
	}
	for _, s := range shown {
		value, ok := e.Measures[Unit(s[0])]
		var got float64
		if err := json.Unmarshal([]byte(s[1]), &got); err != nil || !ok || got != value || s[2] != Unit(s[0]).Text(value) {
			t.Errorf("%s: the page says %s = %s (%s), report.json %v", e.ID, s[0], s[1], s[2], value)
		}
	}
}

func testIndex(t *testing.T, b *browser, path string, report Report) {
	t.Helper()
	b.visit(t, path)
	for _, wrong := range ask[[]string](t, b, checksJS) {
		t.Error(wrong)
	}
	for i, e := range report.Runs {
		sameNumbers(t, b, fmt.Sprintf(`document.querySelectorAll("#runs tbody tr")[%d]`, i), e)
	}
	for _, href := range ask[[]string](t, b, `[...document.querySelectorAll("#runs tbody a, .matrix a, header a")].map((a) => decodeURIComponent(new URL(a.href).pathname))`) {
		if _, err := os.Stat(href); err != nil && !strings.Contains(href, "slow-disk") {
			t.Errorf("a link to %s: %v", href, err)
		}
	}
	failed := 0
	for _, e := range report.Runs {
		if e.Status == history.Fail {
			failed++
		}
	}
	rows := `[...document.querySelectorAll("#runs tbody tr")].filter((r) => r.offsetHeight > 0).length`
	if n := ask[int](t, b, rows); n != len(report.Runs) {
		t.Errorf("%d rows, want %d", n, len(report.Runs))
	}
	ask[bool](t, b, `(() => { const s = document.querySelector("#filters select[name=status]"); s.value = "fail"; s.dispatchEvent(new Event("change", {bubbles: true})); return true; })()`)
	if n := ask[int](t, b, rows); n != failed || failed == 0 {
		t.Errorf("filtered by status: %d rows, want %d", n, failed)
	}
	if text := ask[string](t, b, `document.querySelector("#filters output").textContent`); text != fmt.Sprintf("%d rows shown", failed) {
		t.Errorf("the filter says %q", text)
	}
}

// takePictures keeps the page as it looks in light, in dark and on paper.
func takePictures(t *testing.T, b *browser, name, path string, looks ...string) {
	t.Helper()
	if err := os.MkdirAll(screenshots, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, look := range looks {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look}}}
		if look == "print" {
			media = emulation.SetEmulatedMediaParams{Media: "print"}
		}
		call(t, b, emulation.SetEmulatedMedia, media)
		b.visit(t, path)
		if back := ask[string](t, b, `getComputedStyle(document.body).backgroundColor`); (back == "rgb(255, 255, 255)") == (look == "dark") {
			t.Errorf("%s in %s: the background is %s", name, look, back)
		}
		picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(screenshots, name+"-"+look+".png"), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	call(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
	background := true
	pdf := call(t, b, page.PrintToPDF, page.PrintToPDFParams{PrintBackground: &background, PaperWidth: 8.27, PaperHeight: 11.69})
	if err := os.WriteFile(filepath.Join(screenshots, name+".pdf"), pdf.Data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// testWithoutScripts: everything is told without them.
func testWithoutScripts(t *testing.T, b *browser, path string, e Entry) {
	t.Helper()
	call(t, b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	defer call(t, b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{})
	b.visit(t, path)
	text := ask[string](t, b, `document.body.innerText`)
	for _, want := range []string{e.Sentence, e.Replay, "outage 182 ms", "primary · TL 2", "36 acknowledged writes are not on the final primary", "connection refused on 10.77.0.11:5432", "Close-up 1: the outage"} {
		if !strings.Contains(text, want) {
			t.Errorf("without scripts the page does not say %q", want)
		}
	}
	if n := ask[int](t, b, `document.querySelectorAll(".tools").length`); n != 0 {
		t.Errorf("%d tools that do nothing", n)
	}
}

func testKeyboard(t *testing.T, b *browser) {
	t.Helper()
	dir := t.TempDir()
	r := placed(dir, []Result{killPrimary(made{})})
	if err := Write(dir, r, Options{}); err != nil {
		t.Fatal(err)
	}
	b.visit(t, filepath.Join(r[0].Dir, TimelineFile))
	said := `document.querySelector("#whole output").textContent`
	width := `document.querySelector("#whole .canvas").getBoundingClientRect().width`
	b.do(t, chromedp.Focus(chromedp.CSS("#whole .scroll")))
	before := ask[float64](t, b, width)
	b.do(t, chromedp.KeyEvent(kb.End))
	b.do(t, chromedp.KeyEvent(kb.Home))
	for range 10 {
		b.do(t, chromedp.KeyEvent(kb.ArrowRight))
	}
	if text := ask[string](t, b, said); !strings.HasPrefix(text, "1.000 s: 400 acknowledged/s, 0 failed, 0 unknown, median ") {
		t.Errorf("at 1 s the page says %q", text)
	}
	b.do(t, chromedp.KeyEvent("+"), chromedp.KeyEvent("+"))
	if got := ask[float64](t, b, width); got < 3.99*before || got > 4.01*before {
		t.Errorf("zoomed in twice the drawing is %g wide, before %g", got, before)
	}
	b.do(t, chromedp.KeyEvent("0"))
	if got := ask[float64](t, b, width); got != before {
		t.Errorf("shown all it is %g wide, before %g", got, before)
	}
}

// testMillion: the page of a million operations stays small and its parts few, so that it is usable at once. How fast that
// is on this machine is logged; nothing is asked of the speed of a machine that others use too.
func testMillion(t *testing.T, b *browser) {
	t.Helper()
	dir := t.TempDir()
	r := placed(dir, []Result{killPrimary(made{ops: 1_000_000, commit: "async", lost: 5000})})
	if err := writeTimeline(r[0], ""); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r[0].Dir, TimelineFile)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	b.visit(t, path)
	parts := ask[int](t, b, `document.querySelectorAll("*").length`)
	usable := ask[float64](t, b, usableJS)
	t.Logf("%d operations: %.2f MB, %d elements, usable after %.0f ms", len(r[0].Run.Ops), float64(info.Size())/1e6, parts, usable)
	if info.Size() > 5<<20 || parts > 25_000 {
		t.Errorf("%d bytes, %d elements", info.Size(), parts)
	}
	for _, wrong := range ask[[]string](t, b, checksJS) {
		t.Error(wrong)
	}
}

// usableJS is when the page was loaded and its script had run, in milliseconds since its address was asked for.
const usableJS = `performance.getEntriesByType("navigation")[0].loadEventStart`
