package locks

import (
	"context"
	"errors"
	"net"

	"github.com/redis/go-redis/v9"
)

// hook makes a client return errors that may be printed. nodeOnly is for the nodes of a
// Cluster: the library must get their redirections unchanged.
type hook struct {
	*translator
	nodeOnly bool
}

// DialHook implements [redis.Hook]. While we connect, a Sentinel answers. Its nil means
// that it does not know the master. That must not look like "no such key".
func (h hook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		var answer redis.Error
		switch {
		case errors.Is(err, redis.Nil):
			return nil, h.unknownMaster()
		case errors.As(err, &answer):
			return nil, h.refused("sentinel", err)
		}
		return conn, err
	}
}

// ProcessHook implements [redis.Hook].
func (h hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { return h.of(cmd, next(ctx, cmd)) }
}

// ProcessPipelineHook implements [redis.Hook].
func (h hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		if err == nil {
			return nil
		}
		for _, cmd := range cmds {
			if cmd.Err() != nil {
				cmd.SetErr(h.of(cmd, cmd.Err()))
			}
		}
		return h.of(cmds[0], err)
	}
}

// of translates an error of a command.
func (h hook) of(cmd redis.Cmder, err error) error {
	switch {
	case err == nil:
		return nil
	case opensConnection(cmd.Name()):
		return h.refused(cmd.Name(), err)
	case h.nodeOnly:
		return err
	}
	return h.translate(err)
}

// opensConnection tells whether the library sends this command after it has connected,
// before ours.
func opensConnection(command string) bool {
	switch command {
	case "hello", "auth", "select", "client":
		return true
	}
	return false
}
