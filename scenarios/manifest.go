package scenarios

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/history"
)

// runID names a run's folder: sortable by time, readable, and not twice the same on one machine.
func runID(began time.Time, scenario string, setup Setup) string {
	return fmt.Sprintf("%s-%s-%s-%03d", began.UTC().Format("20060102T150405.000000"), scenario, setup.Level, setup.Repetition)
}

func firstManifest(id string, began time.Time, scenario Scenario, setup Setup) history.Manifest {
	return history.Manifest{
		Format: 1, ID: id, Scenario: scenario.Name, Story: scenario.Story, Procedure: setup.Procedure.Name(),
		Commit: string(setup.Level), Repetition: setup.Repetition, Seed: setup.Seed,
		Version: setup.Ready.Version, Image: fmt.Sprintf("%s (%s)", setup.Ready.Postgres, setup.Ready.Source),
		Settings: settings(setup), Budget: scenario.budget(setup), Expect: scenario.expect(setup), Began: began,
		Replay: setup.Replay, Machine: machine(),
	}
}

// settings are what the user gave, and what came of it.
func settings(setup Setup) map[string]string {
	all := map[string]string{
		"CLIENTS": strconv.Itoa(setup.Clients), "RATE": strconv.FormatFloat(setup.Rate, 'g', -1, 64),
		"ROWS": strconv.Itoa(setup.Rows), "MIN_BEFORE": strconv.Itoa(setup.MinBefore),
	}
	maps.Copy(all, setup.Settings)
	return all
}

func nodeInfos(c *cluster.Cluster) []history.NodeInfo {
	var nodes []history.NodeInfo
	for i, n := range c.Nodes() {
		role := cluster.Standby
		if i == 0 {
			role = cluster.Primary
		}
		nodes = append(nodes, history.NodeInfo{Name: n.Name(), Address: n.Address(), Role: string(role)})
	}
	return nodes
}

// machine is what a measurement depends on. What cannot be read is left out.
func machine() map[string]string {
	found := map[string]string{"cpus": strconv.Itoa(runtime.NumCPU()), "os": runtime.GOOS + "/" + runtime.GOARCH}
	for name, path := range map[string]string{"kernel": "/proc/sys/kernel/osrelease", "load": "/proc/loadavg"} {
		if text, err := os.ReadFile(path); err == nil {
			found[name] = strings.TrimSpace(string(text))
		}
	}
	return found
}
