package rotate

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

// TestZyncIsJudgedByDifferentTenants: repetitions, and failures with a success
// between them, say nothing of Zync.
func TestZyncIsJudgedByDifferentTenants(t *testing.T) {
	now := time.Now()
	h := newHealth()
	for range 100 {
		if h.firstTryFailed(1, "500", now, 0) {
			t.Fatal("one tenant's failures were taken for Zync's")
		}
	}
	for i := range int64(100) {
		for tenant := range int64(tripAfter - 1) {
			if h.firstTryFailed(i*10+tenant, "500", now, 0) {
				t.Fatal("failures with a success between them were taken for Zync's")
			}
		}
		if h.answered() {
			t.Fatal("an end of trouble without trouble")
		}
	}
	for tenant := range int64(tripAfter) {
		if began := h.firstTryFailed(tenant, "500", now, 0); began != (tenant == tripAfter-1) {
			t.Fatalf("trouble after %d tenants is %t", tenant+1, began)
		}
	}
	if !h.troubled() || !h.mayLook(now) || h.mayTryFresh(now) {
		t.Errorf("in trouble: %+v", h)
	}
	if h.looked(errors.New("500"), now); h.mayTryFresh(now) {
		t.Error("a fresh token may be tried while /status/live fails")
	}
	if h.looked(nil, now); !h.mayTryFresh(now) {
		t.Error("no fresh token may be tried while /status/live says that Zync is up")
	}
	if !h.answered() || h.troubled() || h.doubtful() {
		t.Errorf("after an answer: %+v", h)
	}
}

func TestRetryAfterDelaysTheLook(t *testing.T) {
	now := time.Now()
	h := newHealth()
	for tenant := range int64(tripAfter) {
		h.firstTryFailed(tenant, "429", now, time.Minute)
	}
	if h.mayLook(now.Add(59*time.Second)) || !h.mayLook(now.Add(time.Minute)) {
		t.Errorf("Zync asked for a minute, the look is at %s", h.lookAt.Sub(now))
	}
}

// TestFewFreshTokensAreTried: some fifty in the first minute, a few hundred in
// hours, and forty before anybody has waited for ten seconds.
func TestFewFreshTokensAreTried(t *testing.T) {
	h, now := newHealth(), time.Now()
	h.since, h.alive = now, true
	tried := map[time.Duration]int{}
	for at := time.Duration(0); at <= 4*time.Hour; at += 100 * time.Millisecond {
		if h.mayTryFresh(now.Add(at)) {
			h.tryingFresh(now.Add(at))
		}
		tried[at] = h.tried
	}
	for at, want := range map[time.Duration][2]int{
		9 * time.Second: {40, 45}, time.Minute: {45, 55}, time.Hour: {100, 150}, 4 * time.Hour: {200, 400},
	} {
		if got := tried[at]; got < want[0] || got > want[1] {
			t.Errorf("%d fresh tokens in %s, want %d to %d", got, at, want[0], want[1])
		}
	}
}

func TestPatience(t *testing.T) {
	p := &patience{}
	if p.limit() != usualPatience {
		t.Errorf("%s while nothing is known", p.limit())
	}
	for range 1000 {
		p.took(10*time.Millisecond + rand.N(5*time.Millisecond))
		p.tried(false)
	}
	if l := p.limit(); l < 150*time.Millisecond || l > 350*time.Millisecond {
		t.Errorf("%s with pushes of 10 to 15 ms", l)
	}
	for i := range 1000 {
		p.tried(i%5 == 0)
	}
	if l := p.limit(); l > 50*time.Millisecond {
		t.Errorf("%s with one in five hanging: they take more time than the others", l)
	}
	p.took(2 * time.Second) // Zync has become slow for everyone
	if l := p.limit(); l < 2*time.Second {
		t.Errorf("%s after a push of two seconds", l)
	}
}

func TestShareOfFailingTenants(t *testing.T) {
	now := time.Now()
	s := share{began: now}
	for _, c := range []struct {
		after   time.Duration
		spent   time.Duration
		takes   time.Duration
		busy    int
		workers int
		want    bool
	}{
		{time.Second, 0, 0, 0, 3, true},
		{time.Second, 0, 0, 1, 3, false},                // a third of the workers
		{time.Second, 0, 0, 0, 2, false},                // no third to have
		{time.Second, 0, 10 * time.Second, 0, 3, false}, // it may hang
		{time.Minute, 0, 10 * time.Second, 0, 3, true},  // but for a fraction of the time
		{time.Minute, 20 * time.Second, 10 * time.Second, 0, 3, false},
		{time.Minute, 0, 0, 2, 9, true},
		{time.Minute, 0, 0, 3, 9, false},
	} {
		s.spent, s.busy = c.spent, c.busy
		if got := s.allows(c.takes, now.Add(c.after), c.workers); got != c.want {
			t.Errorf("%+v: allowed %t", c, got)
		}
	}
}

// TestHandHandsOutInOrder: fresh tokens in the order of their mint, the others by
// their time, and none is lost.
func TestHandHandsOutInOrder(t *testing.T) {
	var h hand
	now := time.Now()
	all := map[*token]bool{}
	for range 500 {
		token := newToken(planned{})
		all[token] = true
		if rand.IntN(2) == 0 {
			h.add(token)
			continue
		}
		token.notBefore = now.Add(rand.N(time.Hour) - 30*time.Minute)
		h.putBack(token)
	}
	var last time.Time
	for next := h.nextAgain(now); next != nil; next = h.nextAgain(now) {
		if next.notBefore.Before(last) || next.notBefore.After(now) {
			t.Fatal("out of order, or not due")
		}
		last = next.notBefore
		h.take(next)
		delete(all, next)
	}
	for next := h.nextFresh(); next != nil; next = h.nextFresh() {
		h.take(next)
		delete(all, next)
	}
	h.release(now)
	if h.nextAgain(now) == nil {
		t.Error("a released token is not due")
	}
	for _, token := range h.expire(func(*token) bool { return rand.IntN(2) == 0 }) {
		delete(all, token)
	}
	for _, token := range h.drain() {
		delete(all, token)
	}
	if len(all) > 0 || h.len() > 0 {
		t.Errorf("%d tokens were lost, %d are left", len(all), h.len())
	}
}
