package rotate

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// Said remembers what the log said last about a topic, in any process; see
// [ledger.Ledger].
type Said interface {
	Said(ctx context.Context, topic string) (string, error)
	RecordSaid(ctx context.Context, topic, text string) error
}

// The topics.
const (
	aboutOwnerless = "ownerless"
	aboutStrays    = "strays"
)

// said prevents that each run logs the same state. A new state is a warning. A later process,
// such as cron's next run, repeats it once as information.
type said struct {
	store Said              // nil remembers in this process only
	last  map[string]string // by topic
}

// changed tells whether to log a state, and at which level. An empty text needs no line. A
// run that did not reach everyone knows only a part of the state, so that counts as no
// change.
func (s *said) changed(ctx context.Context, topic, now string, everyone bool) (level slog.Level, say bool) {
	before, here := s.last[topic]
	if here && before == now {
		return 0, false
	}
	if !here && s.store != nil {
		// If Redis does not answer, the state counts as new.
		before, _ = s.store.Said(ctx, topic)
	}
	if !everyone && before != "" && before != now {
		return 0, false
	}
	s.last[topic] = now
	if before == now {
		return slog.LevelInfo, now != ""
	}
	if s.store != nil {
		_ = s.store.RecordSaid(ctx, topic, now) // if this fails, the next process warns again
	}
	return slog.LevelWarn, now != ""
}

// logOwnerless names the tenants without an owner, if they have changed.
func (r *Rotation) logOwnerless(ctx context.Context, run tasks.Run, t *tally, everyone bool) {
	level, say := slog.LevelWarn, t.noOwner > 0
	if len(r.o.Only) == 0 {
		level, say = r.said.changed(context.WithoutCancel(ctx), aboutOwnerless, ownerlessText(t.noOwner, t.ownerless), everyone)
	}
	if say {
		run.Log.Log(ctx, level, "tenants skipped: they have no admin for a token to belong to. Give each an admin in Porta",
			"tenants", t.noOwner, "tenant_ids", t.ownerless)
	}
}

// ownerlessText is the same for the same tenants. Of more than a hundred, it has only the
// number, because the named ones depend on where the run begins.
func ownerlessText(n int, ids []int64) string {
	switch n {
	case 0:
		return ""
	case len(ids):
		return fmt.Sprint(slices.Sorted(slices.Values(ids)))
	}
	return fmt.Sprint(n)
}
