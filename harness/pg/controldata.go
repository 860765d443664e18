package pg

// ControlData is what pg_controldata prints, by label, with the fields that the harness uses.
type ControlData struct {
	State       string            // Database cluster state
	System      string            // Database system identifier
	Timeline    Timeline          // Latest checkpoint's TimeLineID
	Checkpoint  LSN               // Latest checkpoint location
	MinRecovery LSN               // Minimum recovery ending location
	Fields      map[string]string // everything
}
