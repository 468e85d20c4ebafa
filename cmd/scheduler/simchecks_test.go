package main

import (
	"fmt"
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

// late is how long after the deletion of an admin a push of one of its tokens may
// still arrive: it was on its way, or will be echoed.
const late = 3 * time.Minute

// stored checks each token as Zync takes it: Porta must accept it.
func (w *simWorld) stored(tenant int64, digest string, ours bool) {
	token, found := w.porta.Token(digest)
	valid := found && token.Lives(time.Now())
	w.mu.Lock()
	replaced, excused := w.excused[tenant]
	if valid && time.Since(replaced) > late {
		delete(w.excused, tenant)
	}
	if ours {
		w.stats["deliveries"]++
		w.deliveries[tenant] = append(w.deliveries[tenant], time.Now())
	}
	_, exists := w.known[tenant]
	w.mu.Unlock()
	if !valid && !excused && exists {
		w.problem("tenant %d: Zync was given a token that Porta does not accept", tenant)
	}
}

// tokenEnded checks each token that a statement of ours ends: Zync must not hold it
// while it lives.
func (w *simWorld) tokenEnded(digest string, token sim.Token) {
	w.count("tokens ended")
	if token.Lives(time.Now()) && w.zync.Holds(token.TenantID) == digest {
		w.problem("tenant %d: the token that Zync holds was ended", token.TenantID)
	}
}

// check compares all that Zync holds with what Porta accepts.
func (w *simWorld) check() {
	w.count("checks")
	for _, id := range w.porta.Tenants() {
		digest := w.zync.Holds(id)
		if digest == "" {
			continue
		}
		w.mu.Lock()
		_, excused := w.excused[id]
		w.mu.Unlock()
		if token, found := w.porta.Token(digest); !excused && (!found || !token.Lives(time.Now())) {
			w.problem("tenant %d: Zync holds a token that Porta does not accept (found %t)", id, found)
		}
	}
}

// checkWindow checks a window that has ended: if nothing was wrong in it or in
// the one before, each tenant was served in it, once.
func (w *simWorld) checkWindow(start time.Time) {
	w.mu.Lock()
	quiet := w.trouble.Before(start.Add(-time.Hour)) && start.Sub(w.start) > 2*time.Hour
	w.mu.Unlock()
	if !quiet {
		return
	}
	w.count("quiet windows")
	for _, id := range w.porta.Tenants() {
		w.mu.Lock()
		served, since := 0, w.known[id]
		for _, at := range w.deliveries[id] {
			if !at.Before(start) && at.Before(start.Add(time.Hour)) {
				served++
			}
		}
		w.mu.Unlock()
		if served != 1 && since.Before(start) {
			w.problem("tenant %d was served %d times in a quiet window", id, served)
		}
	}
}

// forget drops what is no longer looked at.
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

// leastLife is the shortest time that a token held by Zync still lives.
func (w *simWorld) leastLife() time.Duration {
	least := w.times.ttl
	for _, id := range w.porta.Tenants() {
		if token, found := w.porta.Token(w.zync.Holds(id)); found && !token.Expires.IsZero() {
			least = min(least, time.Until(token.Expires))
		}
	}
	return least
}
