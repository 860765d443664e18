package handmade

import "github.com/pgcrucible/pgcrucible/harness/history"

// Save puts a run on disk as a drill does, in a folder that holds no run yet.
func Save(run *history.Run, dir string) error {
	recorder, err := history.Create(dir)
	if err != nil {
		return err
	}
	for _, span := range run.Spans {
		recorder.Span(span)
	}
	for _, op := range run.Ops {
		recorder.Op(op)
	}
	for _, sample := range run.Samples {
		recorder.Sample(sample)
	}
	for _, node := range run.Final {
		recorder.Final(node)
	}
	if err := recorder.Manifest(run.Manifest); err != nil {
		return err
	}
	return recorder.Close()
}
