package history

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestTokenSetAgreesWithAMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 1, 2, 100, 5000} {
		ops := make([]Op, n)
		set, seen := newTokenSet(n), map[string]bool{}
		for i := range ops {
			ops[i].Token = fmt.Sprint(random.IntN(n))
			if got, want := set.add(ops, i), !seen[ops[i].Token]; got != want {
				t.Fatalf("token %q, the %d-th of %d: new %v, want %v", ops[i].Token, i, n, got, want)
			}
			seen[ops[i].Token] = true
		}
	}
}
