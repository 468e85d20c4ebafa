package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
)

// sizes rotates installations of different sizes. It measures memory, the requests to
// MySQL and Redis, and a run in which everyone is already served.
func (b *bench) sizes(ctx context.Context) error {
	for _, tenants := range b.installations {
		seeded, err := b.seed(ctx, tenants, 0)
		if err != nil {
			return err
		}
		z, err := zyncFor(seeded, 32, 0)
		if err != nil {
			return err
		}
		statements, commands, err := b.asked(ctx)
		if err != nil {
			return err
		}
		ours, err := b.once(ctx, b.binary, z, "--task=rotate", "--push-concurrency=32")
		if err != nil {
			return err
		}
		moreStatements, moreCommands, err := b.asked(ctx)
		if err != nil {
			return err
		}
		again, err := b.once(ctx, b.binary, z, "--task=rotate")
		z.Close()
		if err != nil {
			return err
		}
		thousands := float64(len(seeded.Owners)) / 1000
		at := fmt.Sprintf(", %d tenants", tenants)
		b.bySize = append(b.bySize, point{float64(tenants), float64(len(seeded.Owners)) / ours.task.Seconds(), ours.maxRSS})
		b.atMost("peak resident memory"+at, ours.maxRSS, "MiB", 32)
		if tenants < 10_000 {
			continue // the start is most of such a short run
		}
		b.atMost("SQL statements per 1,000 tenants"+at, (moreStatements-statements)/thousands, "", 5)
		b.atMost("Redis commands per 1,000 tenants"+at, (moreCommands-commands)/thousands, "", 5)
		b.atMost("a run where everyone is served, per 100,000 tenants"+at, again.task.Seconds()*100/thousands, "s", 1)
	}
	return nil
}

// asked returns how many statements MySQL and how many commands Redis has received.
func (b *bench) asked(ctx context.Context) (statements, commands float64, err error) {
	var row struct {
		Name  string `db:"Variable_name"`
		Value string `db:"Value"`
	}
	if err := b.porta.DB.GetContext(ctx, &row, "SHOW GLOBAL STATUS LIKE 'Questions'"); err != nil {
		return 0, 0, err
	}
	if statements, err = strconv.ParseFloat(row.Value, 64); err != nil {
		return 0, 0, err
	}
	text, err := b.redisInfo(ctx, "stats", "total_commands_processed")
	if err == nil {
		commands, err = strconv.ParseFloat(text, 64)
	}
	return statements, commands, err
}

// redisInfo returns one value of Redis's INFO.
func (b *bench) redisInfo(ctx context.Context, section, name string) (string, error) {
	info, err := b.client.Info(ctx, section).Result()
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(info) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), name+":"); found {
			return value, nil
		}
	}
	return "", fmt.Errorf("redis does not report %s", name)
}

// listing reads a thousand tenants among no buyers and among many buyers.
func (b *bench) listing(ctx context.Context) error {
	var took [2]time.Duration
	for i, buyers := range []int{0, b.buyers} {
		if _, err := b.seed(ctx, 2000, buyers); err != nil {
			return err
		}
		pool, err := db.Open(db.Options{URL: secret.New(b.porta.URL())})
		if err != nil {
			return err
		}
		var times []float64
		tenants := db.NewTenants(pool, "3scaleadmin")
		for range 5 {
			_, cursor, err := tenants.Page(ctx, db.Cursor{}, 500)
			began := time.Now()
			var page []db.Tenant
			if err == nil {
				page, _, err = tenants.Page(ctx, cursor, 1000)
			}
			ids := make([]int64, len(page))
			for i, tenant := range page {
				ids[i] = tenant.ID
			}
			if err == nil {
				_, err = tenants.ByID(ctx, ids)
			}
			if err != nil {
				return err
			}
			times = append(times, time.Since(began).Seconds())
		}
		took[i] = time.Duration(median(times) * float64(time.Second))
		_ = pool.Close()
	}
	b.atMost(fmt.Sprintf("listing 1,000 tenants and their owners among %d buyers, more than among none", b.buyers),
		float64((took[1]-took[0]).Microseconds())/1000, "ms", 50)
	return nil
}
