package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/sim"
)

func (w *simWorld) problem(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.problems) < 10 {
		at := time.Since(w.start).Round(time.Second)
		w.problems = append(w.problems, fmt.Sprintf("%s: ", at)+fmt.Sprintf(format, args...))
	}
}

func (w *simWorld) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats[what]++
}

// late is how long a push of a deleted token may still arrive. It may have been on its
// way when the token was deleted, or it may be an echo.
const late = 3 * time.Minute

// stored checks each token when Zync stores it: Porta must accept it.
func (w *simWorld) stored(tenant int64, digest string, ours bool) {
	token, found := w.porta.Token(digest)
	valid := (found && token.Lives(time.Now())) || digest == placeholderDigest
	w.mu.Lock()
	if digest != placeholderDigest {
		delete(w.since, tenant)
	} else if w.since[tenant].IsZero() {
		w.since[tenant] = time.Now()
		w.stats["placeholders"]++
	}
	replaced, excused := w.excused[tenant]
	if valid && time.Since(replaced) > late {
		delete(w.excused, tenant)
	}
	if ours {
		w.stats["deliveries"]++
		w.deliveries[tenant] = append(w.deliveries[tenant], time.Now())
	}
	unasked := ours && digest == placeholderDigest && !w.bare.IsZero() && time.Since(w.bare) > placedFor
	_, exists := w.known[tenant]
	lost := time.Since(w.lostAt) < late
	w.mu.Unlock()
	if unasked {
		w.problem("tenant %d: Zync was given a placeholder while no gateway was alive", tenant)
	}
	if !valid && !excused && exists && !lost {
		w.problem("tenant %d: Zync was given a token that Porta does not accept", tenant)
	}
}

// tokenEnded checks each token that the program deletes or expires. A token that has not
// expired must not be the one that Zync holds.
func (w *simWorld) tokenEnded(digest string, token sim.Token) {
	w.count("tokens ended")
	if token.Lives(time.Now()) && w.zync.Holds(token.TenantID) == digest {
		w.problem("tenant %d: the token that Zync holds was ended", token.TenantID)
	}
}

// check checks that Porta accepts every token that Zync holds. Some tenants are excused:
//   - all, for some minutes after MySQL has lost tokens,
//   - those whose admin was deleted with its tokens,
//   - those that failed alone for most of a token's life.
func (w *simWorld) check() {
	w.count("checks")
	w.mu.Lock()
	mending := time.Since(later(w.lostAt, w.trouble)) < 10*time.Minute && time.Since(w.lostAt) < 12*time.Hour
	w.mu.Unlock()
	if mending {
		return
	}
	for _, id := range w.porta.Tenants() {
		digest := w.zync.Holds(id)
		if digest == "" {
			continue
		}
		w.mu.Lock()
		_, excused := w.excused[id]
		sick := w.alone[id]
		excused = excused || (sick != nil && sick.excuses(later(w.zyncWell, w.trouble))) || w.lostOwn(digest)
		placeholder, replaced := digest == placeholderDigest, w.replaced(id)
		if placeholder && !w.bare.IsZero() {
			w.stats["placeholders that nobody replaces"]++
		}
		w.mu.Unlock()
		if placeholder {
			if !replaced {
				w.problem("tenant %d: Zync holds a placeholder that no gateway replaces", id)
			}
			continue
		}
		if token, found := w.porta.Token(digest); !excused && (!found || !token.Lives(time.Now())) {
			w.problem("tenant %d: Zync holds a token that Porta does not accept (found %t)", id, found)
		}
	}
}

// lostOwn is true for a token of Porta's own that may have been lost in a failover. No
// scheduler can know that Zync holds it. It is there until the next rotation without
// trouble. The caller holds the lock.
func (w *simWorld) lostOwn(digest string) bool {
	return strings.HasPrefix(digest, ownPrefix) && time.Since(later(w.lostAt, w.trouble)) < 2*time.Hour
}

// excuses is true if the tenant has failed alone for most of a token's life, and has not
// yet had two hours without trouble since then.
func (a *alone) excuses(trouble time.Time) bool {
	well := a.till
	if trouble.After(well) {
		well = trouble
	}
	return a.till.Sub(a.since) > 10*time.Hour && time.Since(a.since) > 14*time.Hour && time.Since(well) < 2*time.Hour
}

// checkWindow checks a window, ten minutes before its end. If it was quiet, each healthy
// tenant must have been served once, in the first three minutes.
func (w *simWorld) checkWindow(start time.Time) {
	if !w.quiet(start) {
		return
	}
	w.count("quiet windows")
	for _, id := range w.porta.Tenants() {
		w.mu.Lock()
		served, since, last := 0, w.known[id], time.Duration(0)
		for _, at := range w.deliveries[id] {
			if !at.Before(start) && at.Before(start.Add(time.Hour)) {
				served++
				last = at.Sub(start)
			}
		}
		sick := w.alone[id]
		w.mu.Unlock()
		switch {
		case !since.Before(start) || (sick != nil && sick.till.After(start.Add(-time.Hour))):
		case served != 1:
			w.problem("tenant %d was served %d times in a quiet window", id, served)
		case last > 3*time.Minute:
			w.problem("tenant %d was served %s after the start of a quiet window", id, last)
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// quiet is true if no general trouble was in the window that begins at start, or in the
// window before. Tenants that fail alone do not count.
func (w *simWorld) quiet(start time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.trouble.Before(start.Add(-time.Hour)) && start.Sub(w.start) > 2*time.Hour
}

// sample looks once a minute whether the run lease is held.
func (w *simWorld) sample() {
	if !w.quiet(time.Now().Truncate(time.Hour)) {
		return
	}
	held := w.redis.TTL("token-scheduler:{sim}:run:rotate") > 0
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy[0]++
	if held {
		w.busy[1]++
	}
}

// checkLease checks that the run lease was free for nine tenths of the quiet time. So
// runs end, and do not wait for tenants that fail.
func (w *simWorld) checkLease() {
	if all, held := w.busy[0], w.busy[1]; all > 1000 && held > all/10 {
		w.problem("the run lease was held in %d of %d samples of quiet windows", held, all)
	}
}

// asideWatch reads the log of a process. A leader that delivers must not step aside.
type asideWatch struct {
	w *simWorld
	p *simProc
}

func (asideWatch) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (a asideWatch) WithAttrs([]slog.Attr) slog.Handler             { return a }
func (a asideWatch) WithGroup(string) slog.Handler                  { return a }

func (a asideWatch) Handle(_ context.Context, r slog.Record) error {
	if !strings.Contains(r.Message, "stepping aside") {
		return nil
	}
	w := a.w
	w.mu.Lock()
	w.stats["steps aside"]++
	w.mu.Unlock()
	if ago := time.Since(w.zync.LastDelivery(a.p.net)); ago < 10*time.Minute {
		w.problem("a leader stepped aside that had served a tenant %s ago", ago)
	}
	return nil
}

// forget drops deliveries that no check reads any more.
func (w *simWorld) forget(before time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, times := range w.deliveries {
		for len(times) > 0 && times[0].Before(before) {
			times = times[1:]
		}
		w.deliveries[id] = times
	}
}

// leastLife is the time until the first token expires that Zync holds. Tenants that fail
// alone do not count.
func (w *simWorld) leastLife() time.Duration {
	least := w.times.ttl
	for _, id := range w.porta.Tenants() {
		w.mu.Lock()
		sick := w.alone[id] != nil && time.Now().Before(w.alone[id].till)
		w.mu.Unlock()
		if token, found := w.porta.Token(w.zync.Holds(id)); found && !sick && !token.Expires.IsZero() {
			least = min(least, time.Until(token.Expires))
		}
	}
	return least
}
