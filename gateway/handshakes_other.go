//go:build !linux

package gateway

import (
	"errors"
	"syscall"
)

// refuseHandshakes is for Linux only.
func refuseHandshakes(syscall.Conn) error { return errors.ErrUnsupported }
