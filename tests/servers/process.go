package servers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 15 * time.Second
)

// process is a server that was started. It ends with this process, however this process
// ends.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// spawn starts a command and writes its output to a file.
func spawn(logFile string, name string, args ...string) (*process, error) {
	out, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", name, err)
	}
	p := &process{cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = dieWithParent()
	started := make(chan error)
	go func() {
		// The signal for the parent's death belongs to the thread that started the
		// child. So the thread must live as long as the child.
		runtime.LockOSThread()
		defer close(p.done)
		defer func() { _ = out.Close() }()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// end asks the process to stop, and kills it if it does not.
func (p *process) end() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		p.kill()
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// errEnded means that nothing is left to wait for.
var errEnded = errors.New("it has ended")

// await polls until ready returns nil. It kills a process that does not get ready.
func (p *process) await(ctx context.Context, logFile string, ready func(context.Context) error) error {
	err := await(ctx, filepath.Base(p.cmd.Path)+" is not ready", func(ctx context.Context) error {
		err := ready(ctx)
		if err != nil && p.ended() {
			return errEnded
		}
		return err
	})
	if err != nil {
		p.kill()
		return fmt.Errorf("%w: %s", err, tail(logFile))
	}
	return nil
}

// await polls until ready returns nil.
func await(ctx context.Context, what string, ready func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := ready(ctx)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errEnded) || ctx.Err() != nil:
			return fmt.Errorf("%s: %w", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func tail(file string) string {
	content, _ := os.ReadFile(file)
	if len(content) > 2000 {
		content = content[len(content)-2000:]
	}
	return strings.TrimSpace(string(content))
}

// find looks for a program on the PATH and in the folders where distributions put
// servers.
func find(names ...string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
		for _, dir := range []string{"/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/opt/homebrew/bin"} {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("%w: %s (run make deps)", ErrNotInstalled, strings.Join(names, " or "))
}

// ErrNotInstalled means that a server's program is not installed.
var ErrNotInstalled = errors.New("not installed")

// FreePort returns a TCP port on the loopback that was free a moment ago. It is below
// the range from which the system gives out ports. A port in that range could be taken
// by another process before the server uses it, or uses it again after a crash.
func FreePort() (int, error) {
	const from, to, tries = 10000, 32000, 100
	var err error
	for range tries {
		port := from + rand.IntN(to-from)
		var listener net.Listener
		if listener, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("find a free port: %w", err)
}
