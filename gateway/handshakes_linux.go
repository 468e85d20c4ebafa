package gateway

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// refuseHandshakes makes the kernel drop the first packet of each new connection.
// Handshakes that have begun are completed.
func refuseHandshakes(listener syscall.Conn) error {
	socket, err := listener.SyscallConn()
	if err != nil {
		return err
	}
	const flags, syn = 13, 0x02 // the flags' place in TCP's header, and the one of a first packet
	program := [...]unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: syn, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 1 << 16},
	}
	var failed error
	err = socket.Control(func(fd uintptr) {
		failed = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	})
	return errors.Join(err, failed)
}
