package check

import "github.com/pgcrucible/pgcrucible/harness/history"

// wayBack asks whether the old primary came back in the way that the story is about: rebuilt, or without a rewind.
func wayBack(run *history.Run) history.Verdict {
	rewinds, rebuilds := run.Named(history.SpanRewind), run.Named(history.SpanRebuild)
	switch {
	case run.Expect.Rebuild:
		return refused(rewinds, rebuilds)
	case run.Expect.NoRewind && len(rewinds)+len(rebuilds) > 0:
		return fail(spans(append(rewinds, rebuilds...)), "The old primary had to be rewound or rebuilt; in this story nothing may diverge.")
	case run.Expect.NoRewind && run.Expect.Promotions > 0 && len(run.Named(history.SpanRejoin, history.SpanSwitch)) == 0:
		return unknown("No rejoin is recorded: whether a rewind was needed cannot be told.")
	case run.Expect.NoRewind:
		return pass("No rewind was needed.")
	case len(rebuilds) > 0 && rebuilds[0].Values["reason"] == "":
		return unknown("The old primary was rebuilt, and the reason is not recorded.")
	case len(rebuilds) > 0:
		return pass("The old primary was rebuilt: %s.", dot(rebuilds[0].Values["reason"]))
	case len(rewinds) > 0 && succeeded(rewinds):
		return pass("The old primary was rewound.")
	case len(rewinds) > 0:
		return pass("pg_rewind found nothing to rewind.")
	case len(run.Named(history.SpanFailover)) > 0 && len(run.Named(history.SpanRejoin)) == 0:
		return unknown("The old primary never came back.")
	}
	return pass("Nothing had to be rewound.")
}

// succeeded says whether a rewind was carried out. One that is refused says "rebuild", one that finds nothing to do "no-op".
func succeeded(rewinds []history.Span) bool {
	for _, rewind := range rewinds {
		if rewind.Err == "" && rewind.Values["how"] == "rewind" {
			return true
		}
	}
	return false
}

func refused(rewinds, rebuilds []history.Span) history.Verdict {
	switch {
	case succeeded(rewinds):
		return fail(spans(rewinds), "The rewind was not refused; in this story it must be.")
	case len(rebuilds) == 0:
		return unknown("The rewind must be refused and the old primary rebuilt, but no rebuild is recorded.")
	}
	reason := rebuilds[0].Values["reason"]
	if reason == "" {
		return unknown("The old primary was rebuilt, and the reason is not recorded.")
	}
	return pass("The rewind was refused and the old primary rebuilt: %s.", dot(reason))
}

func spans(found []history.Span) []history.Witness {
	witness := make([]history.Witness, 0, len(found))
	for _, span := range found {
		witness = append(witness, history.Witness{At: span.Start, Node: span.Node, Detail: span.Name})
	}
	return witness
}
