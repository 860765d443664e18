package fault

import (
	"context"
	"fmt"

	"github.com/pgcrucible/pgcrucible/fault/intent"
	"github.com/pgcrucible/pgcrucible/harness/cluster"
)

// stuckCommand is a shell command for archive_command or restore_command that does not do its work: it fails at once, or hangs for
// as long as a file is there and fails then. It counts its turns in a second file, a byte each: the mechanism's own counter.
type stuckCommand struct {
	node *cluster.Node
	file string // inside the node, of this package's choosing
	hang bool
}

func newStuckCommand(n *cluster.Node, setting string, hang bool) stuckCommand {
	return stuckCommand{node: n, file: besideData(n, setting+".stuck"), hang: hang}
}

// text is the command. It ends with status 1, which PostgreSQL takes for "not done, try again" (archive) or "not there" (restore).
func (c stuckCommand) text() string {
	if c.hang {
		return fmt.Sprintf("while test -e %[1]s; do echo >>%[1]s.turns; sleep 0.2 || sleep 1; done; false", c.file)
	}
	return fmt.Sprintf("echo >>%s.turns; false", c.file)
}

// how names it in words of reports.
func (c stuckCommand) how() string {
	if c.hang {
		return "hangs"
	}
	return "fails"
}

// arm makes the file that a command hangs on.
func (c stuckCommand) arm(ctx context.Context) error {
	_, err := c.node.Shell(ctx, `rm -f "$1.turns" && : >"$1"`, c.file)
	return err
}

const releaseScript = `rm -f "$1" "$1.turns"`

// release ends a command that hangs, within its next turn.
func (c stuckCommand) release(ctx context.Context) error {
	_, err := c.node.Shell(ctx, releaseScript, c.file)
	return err
}

func (c stuckCommand) undo() intent.Action { return runScript(c.node, releaseScript, c.file) }

// turns is how often the command has been round.
func (c stuckCommand) turns(ctx context.Context) (turns int, err error) {
	text, err := c.node.Shell(ctx, `if [ -e "$1.turns" ]; then wc -c <"$1.turns"; else echo 0; fi`, c.file)
	if err == nil {
		_, err = fmt.Sscan(text, &turns)
	}
	return turns, err
}

// turning waits until the command was called or, if it hangs, until it goes round now.
func (c stuckCommand) turning(ctx context.Context) (turns int, err error) {
	least := 1
	if c.hang {
		before, err := c.turns(ctx)
		if err != nil {
			return 0, err
		}
		least = before + 1
	}
	err = await(ctx, "a command that "+c.how()+" to be run", func(ctx context.Context) (string, error) {
		turns, err = c.turns(ctx)
		if err == nil && turns < least {
			return fmt.Sprintf("it has been round %d times", turns), nil
		}
		return "", err
	})
	return turns, err
}
