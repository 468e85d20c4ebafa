//go:build !linux

package servers

import "syscall"

// dieWithParent keeps a Ctrl-C at the terminal from the child, so that the parent can
// stop it in order. Only Linux can do more.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
