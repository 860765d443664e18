//go:build linux && !amd64

package vdso

import "context"

// Make is built for amd64 only; Own has said so before.
func (i *Image) Make(context.Context, int, []byte) error { return errArchitecture }
