package handmade

import (
	"testing"
	"time"
)

func TestAStoryIsNewEachTime(t *testing.T) {
	first := KillAsync()
	first.Final[0].Tokens["x"] = 1
	first.Ops[0].Token = "y"
	first.Final[0].Want["port"] = "1"
	second := KillAsync()
	if second.Final[0].Tokens["x"] != 0 || second.Ops[0].Token == "y" || second.Final[0].Want["port"] == "1" {
		t.Error("a changed run changes the next one")
	}
	if len(second.Ops) < 800 || second.Ops[len(second.Ops)-1].Return < 9*time.Second {
		t.Errorf("the load is too short: %d operations", len(second.Ops))
	}
}
