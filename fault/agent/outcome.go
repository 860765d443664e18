package main

import (
	"errors"
	"net"
	"syscall"
)

// dialOutcome names the ways in which a connection attempt ends that a prober tells apart.
func dialOutcome(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return err.Error()
}
