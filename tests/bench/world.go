package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/servers"
	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// world is everything around a scheduler, with its own servers.
type world struct {
	dir     string
	mariadb *servers.MariaDB
	redis   *servers.Redis
	porta   *porta.Porta
	client  *redis.Client
}

func newWorld(ctx context.Context) (*world, error) {
	dir, err := os.MkdirTemp("", "ts-bench-")
	if err != nil {
		return nil, err
	}
	w := &world{dir: dir}
	sub := func(name string) string {
		path := filepath.Join(dir, name)
		_ = os.Mkdir(path, 0o700) // without it, a server reports the error
		return path
	}
	// Sized as in production. With a redo log of the default size, InnoDB stops and
	// flushes in the middle of a million deletions.
	if w.mariadb, err = servers.StartMariaDB(ctx, sub("m"), "--innodb-buffer-pool-size=1G", "--innodb-log-file-size=1G"); err != nil {
		return nil, err
	}
	if w.redis, err = servers.StartRedis(ctx, sub("r")); err != nil {
		return nil, err
	}
	w.client = redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", w.redis.Port)})
	return w, nil
}

func (w *world) close() {
	_ = w.client.Close()
	_ = w.redis.Remove()
	_ = w.mariadb.Remove()
	_ = os.RemoveAll(w.dir)
}

// seed makes a new Porta with a number of tenants and buyers.
func (w *world) seed(ctx context.Context, tenants, buyers int) (*porta.Seeded, error) {
	if w.porta != nil {
		if err := w.porta.Drop(); err != nil {
			return nil, err
		}
	}
	var err error
	if w.porta, err = porta.Create(ctx, w.mariadb.Config()); err != nil {
		return nil, err
	}
	if err := w.client.FlushAll(ctx).Err(); err != nil {
		return nil, err
	}
	seeded, err := w.porta.Fill(ctx, porta.Seed{Tenants: tenants, Buyers: buyers})
	if err == nil {
		_, err = w.porta.DB.ExecContext(ctx, "ANALYZE TABLE accounts, users, access_tokens")
	}
	return seeded, err
}

// zyncFor starts a stand-in that knows the tenants.
func zyncFor(seeded *porta.Seeded, threads int, takes time.Duration) (*zync.Zync, error) {
	z, err := zync.Start(zync.Options{Threads: threads, Delay: takes})
	if err != nil {
		return nil, err
	}
	for id := range seeded.Owners {
		z.Know(id, porta.Endpoint(id), "before")
	}
	return z, nil
}

// installation makes a new Porta with a number of tenants, and a Zync that knows them.
func (w *world) installation(ctx context.Context, tenants int) (*zync.Zync, error) {
	seeded, err := w.seed(ctx, tenants, 0)
	if err != nil {
		return nil, err
	}
	return zyncFor(seeded, zync.Threads, 0)
}

// spent is what a process used.
type spent struct {
	task   time.Duration // its own account of the task
	wall   time.Duration
	cpu    time.Duration
	maxRSS float64 // MiB
}

// measure runs a command. It reads the peak memory while the command runs: the system's
// number for it afterwards begins with what this process had when it forked.
func measure(cmd *exec.Cmd) (spent, error) {
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return spent{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var s spent
	for {
		select {
		case err := <-ended:
			s.wall = time.Since(began)
			s.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			return s, err
		case <-time.After(10 * time.Millisecond):
			if _, peak, err := memory(cmd.Process.Pid); err == nil {
				s.maxRSS = max(s.maxRSS, peak) // an ended process holds nothing
			}
		}
	}
}

// memory is what a process has now and has had at most, in MiB.
func memory(pid int) (now, peak float64, err error) {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return 0, 0, err
	}
	status, err := process.NewStatus()
	return float64(status.VmRSS) / (1 << 20), float64(status.VmHWM) / (1 << 20), err
}

// processorTime is the CPU time that a process has used. It is zero if it can't be
// read.
func processorTime(pid int) time.Duration {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return 0
	}
	stat, err := process.Stat()
	if err != nil {
		return 0
	}
	return time.Duration(stat.CPUTime() * float64(time.Second))
}

func (w *world) env(z *zync.Zync) []string {
	return append(os.Environ(), "DATABASE_URL="+w.porta.URL(), "REDIS_URL="+w.redis.URL(0), "ZYNC_ENDPOINT="+z.URL,
		"VERIFY=off", "LISTEN_ADDRESS=127.0.0.1:0")
}

// once runs a task of the scheduler by hand, and returns an error if that fails.
func (w *world) once(ctx context.Context, binary string, z *zync.Zync, args ...string) (spent, error) {
	cmd := exec.CommandContext(ctx, binary, append([]string{"--run-once", "--report=json"}, args...)...)
	cmd.Env = w.env(z)
	var out, log strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &log
	s, err := measure(cmd)
	if err != nil {
		return s, fmt.Errorf("scheduler %v: %w\n%s%s", args, err, out.String(), log.String())
	}
	var report struct {
		Tasks []struct {
			Duration float64 `json:"duration_seconds"`
		}
	}
	if err := json.Unmarshal([]byte(out.String()), &report); err != nil {
		return s, fmt.Errorf("report: %w", err)
	}
	s.task = time.Duration(report.Tasks[0].Duration * float64(time.Second))
	return s, nil
}
