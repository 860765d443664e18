package reports

import (
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkMillion writes all reports of a run of 1,000,000 operations; the figure to reach is 5 s and 5 MB of page.
//
//	go test ./reports -run XXX -bench Million -benchtime 3x
func BenchmarkMillion(b *testing.B) {
	dir := b.TempDir()
	results := placed(dir, []Result{killPrimary(made{ops: 1_000_000, commit: "async", lost: 5000})})
	for b.Loop() {
		if err := Write(dir, results, Options{}); err != nil {
			b.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(results[0].Dir, TimelineFile))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/1e6, "MB/page")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/report")
}
