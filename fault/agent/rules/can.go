package rules

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Can says what this kernel can do here: a mechanism's name and "" or the reason why not. It tries each with a table of
// its own that it takes away again; no packet ever meets it.
func (t *Table) Can() map[string]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	queue := t.try(xtQueue(1))
	if t.native {
		queue = ""
	}
	t.emulates()
	return map[string]string{
		"netem":           t.noNetem,
		"nfqueue":         queue,
		"nft-queue":       t.try(nativeQueue(1)),
		"nftables-drop":   t.try(&expr.Verdict{Kind: expr.VerdictDrop}),
		"nftables-reject": t.try(append(isTCP(), &expr.Reject{Type: unix.NFT_REJECT_TCP_RST})...),
	}
}

func (t *Table) try(exprs ...expr.Any) string {
	table := t.conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: TableName + "-try"})
	chain := t.conn.AddChain(&nftables.Chain{Name: "try", Table: table}) // no hook: no packet comes here
	t.conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: exprs})
	if err := t.conn.Flush(); err != nil {
		return err.Error()
	}
	t.conn.DelTable(table)
	if err := t.conn.Flush(); err != nil {
		return err.Error()
	}
	return ""
}
