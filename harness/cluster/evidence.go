package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// evidence is what each node leaves: a file's name and the script that writes it.
var evidence = []struct{ file, script string }{
	{"postgresql.log", `cat /pg/log/postgresql.log`},
	{"pg_controldata.txt", `pg_controldata -D "$PGDATA"`},
	{"postgresql.conf", `cat "$PGDATA/postgresql.conf"`},
	{"postgresql.auto.conf", `cat "$PGDATA/postgresql.auto.conf"`},
	{"pg_hba.conf", `cat "$PGDATA/pg_hba.conf"`},
	{"files.txt", `ls -l "$PGDATA" "$PGDATA/pg_wal" /archive`},
}

// Evidence writes nodes/<name>/ under dir: PostgreSQL's log, pg_controldata, *.history, settings. Passwords are left out.
// What cannot be had (a container that does not run) is an error, but everything else is written.
func (c *Cluster) Evidence(ctx context.Context, dir string) error {
	var errs []error
	for _, n := range c.nodes {
		if err := n.evidence(ctx, filepath.Join(dir, "nodes", n.name)); err != nil {
			errs = append(errs, fmt.Errorf("evidence of %s: %w", n.name, err))
		}
	}
	return errors.Join(errs...)
}

func (n *Node) evidence(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var errs []error
	for _, e := range evidence {
		text, err := n.Shell(ctx, e.script)
		errs = append(errs, err, n.cluster.save(filepath.Join(dir, e.file), text))
	}
	names, err := n.Shell(ctx, `cd "$PGDATA/pg_wal" && for f in *.history; do [ -e "$f" ] && echo "$f"; done; :`)
	errs = append(errs, err)
	for _, name := range strings.Fields(names) {
		text, err := n.ReadFile(ctx, dataDir+"/pg_wal/"+name)
		errs = append(errs, err, n.cluster.save(filepath.Join(dir, filepath.Base(name)), string(text)))
	}
	return errors.Join(errs...)
}

// save leaves out passwords. None should be in these files; a story's own settings or statements may have brought one there.
func (c *Cluster) save(path, text string) error {
	for _, password := range c.passwords {
		text = strings.ReplaceAll(text, password, "********")
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// PSQL is a line a person can paste to get at a node, for KEEP=1. It holds no password.
func (c *Cluster) PSQL(n *Node) string {
	return fmt.Sprintf("docker exec -it -u %s %s psql %s", superuser, n.pod.postgres, Database)
}
