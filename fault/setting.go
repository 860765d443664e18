package fault

import (
	"context"
	"fmt"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
	"github.com/pgcrucible/pgcrucible/harness/pg"
)

// setting is one setting of a node and how it stood in postgresql.auto.conf before a fault changed it there: with a value, or not
// at all. That file is read last, so what stands in postgresql.conf needs not be touched.
type setting struct {
	node   *cluster.Node
	name   string
	faulty string // its value while the fault is in effect, as SHOW prints it
	stood  bool   // it stood in postgresql.auto.conf
	value  string // with this value
	before string // what was in effect
}

// readSetting reads how a setting stands. The server must answer.
func readSetting(ctx context.Context, n *cluster.Node, name, faulty string) (*setting, error) {
	s := &setting{node: n, name: name, faulty: faulty}
	var values []string
	err := n.Query(ctx, `select current_setting($1), coalesce((select array_agg(coalesce(setting, '') order by seqno) from pg_file_settings
		where name = $1 and sourcefile = current_setting('data_directory') || '/postgresql.auto.conf'), '{}')`, []any{name}, &s.before, &values)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(values) > 0 {
		s.stood, s.value = true, values[len(values)-1]
	}
	return s, nil
}

// settingScript gives the setting $1 the value $3 in postgresql.auto.conf, or with $2 = no takes it out. Where PostgreSQL runs it
// does so itself, under its own lock, and reads its configuration again. Else the line $4 is written. If $5 is given and is no file in
// the data folder, nothing is done.
const settingScript = `set -eu
name=$1 stands=$2 value=$3 line=$4
[ -z "$5" ] || [ -e "$PGDATA/$5" ] || exit 0
pid= comm=
{ read -r pid <"$PGDATA/postmaster.pid" && read -r comm <"/proc/$pid/comm"; } 2>/dev/null || :
case $comm in postgres|postmaster)
	change='ALTER SYSTEM RESET :"name";'
	[ "$stands" = no ] || change='ALTER SYSTEM SET :"name" = :'"'value';"
	printf '%s\n' "$change" 'SELECT pg_reload_conf();' | psql -qAtX -v ON_ERROR_STOP=1 -v name="$name" -v value="$value" >/dev/null
	exit ;;
esac
umask 077
file=$PGDATA/postgresql.auto.conf
{
	while IFS= read -r old || [ -n "$old" ]; do
		case $old in "$name "*|"$name="*) ;; *) printf '%s\n' "$old" ;; esac
	done <"$file"
	[ "$stands" = no ] || printf '%s\n' "$line"
} >"$file.part"
mv "$file.part" "$file"`

// arguments are those of settingScript.
func (s *setting) arguments(stands bool, value, onlyIf string) []string {
	word := "no"
	if stands {
		word = "yes"
	}
	return []string{s.name, word, value, s.name + " = " + pg.QuoteSetting(value), onlyIf}
}

// undo puts back what stood, also from another process and whether PostgreSQL runs or not; onlyIf is empty, or a file that must
// be there in the data folder.
func (s *setting) undo(onlyIf string) intent.Action {
	return runScript(s.node, settingScript, s.arguments(s.stood, s.value, onlyIf)...)
}

// write gives the setting its faulty value in the file.
func (s *setting) write(ctx context.Context) error {
	if _, err := s.node.Shell(ctx, settingScript, s.arguments(true, s.faulty, "")...); err != nil {
		return fmt.Errorf("change %s: %w", s.name, err)
	}
	return nil
}

// change writes it and returns when it is in effect.
func (s *setting) change(ctx context.Context) error {
	if err := s.write(ctx); err != nil {
		return err
	}
	return s.await(ctx, s.faulty)
}

// restore puts back what stood. It tries until ctx ends: a server that is just starting refuses.
func (s *setting) restore(ctx context.Context) error {
	return await(ctx, s.name+" of "+s.node.Name()+" to be put back", func(ctx context.Context) (string, error) {
		_, err := s.node.Shell(ctx, settingScript, s.arguments(s.stood, s.value, "")...)
		return "", err
	})
}

// await returns when the value is in effect.
func (s *setting) await(ctx context.Context, value string) error {
	return await(ctx, s.name+" on "+s.node.Name(), func(ctx context.Context) (string, error) {
		now, err := asked[string](ctx, s.node, `select current_setting($1)`, s.name)
		if err == nil && now != value {
			return fmt.Sprintf("it is %q, not %q", now, value), nil
		}
		return "", err
	})
}

// bites says whether the faulty value is in effect now.
func (s *setting) bites(ctx context.Context) error {
	now, err := asked[string](ctx, s.node, `select current_setting($1)`, s.name)
	if err == nil && now != s.faulty {
		err = fmt.Errorf("%s of %s is %q, not %q", s.name, s.node, now, s.faulty)
	}
	return err
}

// restored sees that what was in effect is so again; where PostgreSQL does not run, the file is all there is.
func (s *setting) restored(ctx context.Context) (string, error) {
	running, err := s.node.Running(ctx)
	if err != nil || !running {
		return s.name + " stands in the file as it did; PostgreSQL does not run on " + s.node.Name(), err
	}
	return s.name + " of " + s.node.Name() + " is what it was", s.await(ctx, s.before)
}
