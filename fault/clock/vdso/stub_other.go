//go:build !amd64

package vdso

import (
	"errors"
	"runtime"

	"github.com/pgcrucible/pgcrucible/fault/clock/shift"
)

var errArchitecture = errors.New("the machine code that shifts a clock is written for amd64, and this is " + runtime.GOARCH)

func stub(shift.Shift) ([]byte, error) { return nil, errArchitecture }

func entry(int, uint64, uint64, []byte) []byte { return nil }
