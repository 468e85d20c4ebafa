package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const syncTokens = "name = 'OIDC Synchronization Token'"

// janitor compares a purge with one DELETE of the same tokens, and measures the slowest
// INSERT of another client meanwhile.
func (b *bench) janitor(ctx context.Context) error {
	z, err := b.installation(ctx, 100)
	if err != nil {
		return err
	}
	defer z.Close()
	var times, cleaned []float64
	var slowest, slowestBeside time.Duration
	for range b.rounds {
		var ours spent
		single, err := b.purged(ctx, func() error {
			_, err := b.porta.DB.ExecContext(ctx, "DELETE FROM access_tokens WHERE "+syncTokens+" AND expires_at < UTC_TIMESTAMP()")
			return err
		})
		if err != nil {
			return err
		}
		steps, err := b.purged(ctx, func() (err error) {
			ours, err = b.once(ctx, b.binary, z, "--task=janitor")
			return err
		})
		if err != nil {
			return err
		}
		times = append(times, ours.task.Seconds()/single.took.Seconds())
		cleaned = append(cleaned, steps.clean.Seconds()/single.clean.Seconds())
		slowest, slowestBeside = max(slowest, steps.slowest), max(slowestBeside, single.slowest)
	}
	b.atMost(fmt.Sprintf("the janitor on %d stale tokens against one DELETE", b.stale), median(times), "ratio", 1.1)
	b.atMost("the same, to the moment when InnoDB has removed the rows", median(cleaned), "ratio", 1.1)
	b.atMost("the slowest INSERT of another client beside the janitor", slowest.Seconds()*1000, "ms", 50)
	fmt.Printf("%-66s %10.2f ms\n", "  and beside the one DELETE", slowestBeside.Seconds()*1000)
	return nil
}

// purge is how long a purge took: until it had ended, and until InnoDB had removed the
// rows.
type purge struct{ took, clean, slowest time.Duration }

// purged writes the stale tokens, and measures how long work takes to purge them.
// Beside it, another client inserts tokens, and the slowest insert is noted.
func (b *bench) purged(ctx context.Context, work func() error) (p purge, err error) {
	if err := b.seedStale(ctx); err != nil {
		return p, err
	}
	if err := b.cleaned(ctx); err != nil {
		return p, err
	}
	began := time.Now()
	if p.slowest, err = b.inserting(ctx, work); err != nil {
		return p, err
	}
	p.took = time.Since(began)
	err = b.cleaned(ctx)
	p.clean = time.Since(began)
	return p, err
}

// cleaned waits until InnoDB has removed deleted rows. A DELETE only marks them; purge
// threads remove them from the indexes later.
func (b *bench) cleaned(ctx context.Context) error {
	for {
		var left int
		if err := b.porta.DB.GetContext(ctx, &left,
			"SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'Innodb_history_list_length'"); err != nil {
			return err
		}
		if left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (b *bench) seedStale(ctx context.Context) error {
	_, err := b.porta.DB.ExecContext(ctx, fmt.Sprintf(`INSERT INTO access_tokens
 (owner_id, scopes, value, name, permission, created_at, updated_at, expires_at)
 SELECT 1 + seq %% 100, '---\n- account_management\n', CONCAT('SHA384$', SHA2(CONCAT(seq, RAND()), 384)),
 'OIDC Synchronization Token', 'ro', '2020-01-01', '2020-01-01', '2020-01-02' FROM seq_1_to_%d`, b.stale))
	return err
}

// inserting makes another client insert a token every few milliseconds while work runs.
// It returns how long the slowest insert took.
func (b *bench) inserting(ctx context.Context, work func() error) (slowest time.Duration, err error) {
	done := make(chan error, 1)
	go func() { done <- work() }()
	for i := 0; ; i++ {
		select {
		case err := <-done:
			return slowest, err
		case <-time.After(2 * time.Millisecond):
		}
		began := time.Now()
		if _, err := b.porta.DB.ExecContext(ctx, `INSERT INTO access_tokens (owner_id, value, name, permission, expires_at)
 VALUES (?, ?, 'OIDC Synchronization Token', 'ro', UTC_TIMESTAMP() + INTERVAL 1 DAY)`, 1+i%100, fmt.Sprintf("other-%d-%d", began.UnixNano(), i)); err != nil {
			return slowest, err
		}
		slowest = max(slowest, time.Since(began))
	}
}

// idle measures a daemon that has nothing to do, and the binary.
func (b *bench) idle(ctx context.Context) error {
	z, err := b.installation(ctx, 10)
	if err != nil {
		return err
	}
	defer z.Close()
	cmd := exec.CommandContext(ctx, b.binary)
	cmd.Env = b.env(z)
	log := &ready{line: "msg=leading", seen: make(chan time.Time, 1)}
	cmd.Stderr = log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	led := <-log.seen
	time.Sleep(5 * time.Second)
	rss, _, err := memory(cmd.Process.Pid)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	if err != nil {
		return err
	}
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	b.atMost("an idle daemon's resident memory", rss, "MiB", 20)
	b.atMost("a daemon's first five seconds of CPU, its start and a rotation in them", cpu.Seconds()*1000, "ms", 200)
	b.atMost("ready after its start", float64(led.Sub(began).Milliseconds()), "ms", 200)
	info, err := os.Stat(b.binary)
	if err == nil {
		b.atMost("the binary, stripped", float64(info.Size())/(1<<20), "MiB", 20)
	}
	return err
}

// ready returns when a log first has a line.
type ready struct {
	line string
	seen chan time.Time
}

func (r *ready) Write(p []byte) (int, error) {
	if strings.Contains(string(p), r.line) {
		select {
		case r.seen <- time.Now():
		default:
		}
	}
	return len(p), nil
}
