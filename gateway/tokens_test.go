package gateway

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestOneMintForAll: concurrent first requests of a tenant make one token between them.
func TestOneMintForAll(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ tenants, requests int }{{1, 250}, {100, 250}} {
		w := newWorld(t, c.tenants)
		w.tenants.delay = 50 * time.Millisecond
		var wg sync.WaitGroup
		var failed atomic.Int32
		for i := range 1000 {
			wg.Go(func() {
				// 256 may be at work at a time; the tokens take any number.
				if _, err := w.tokens.get(t.Context(), fmt.Sprintf("t%d.example.com", i%c.tenants+1)); err != nil {
					failed.Add(1)
				}
			})
		}
		wg.Wait()
		for i := range c.requests {
			wg.Go(func() { w.mustAnswer(t, fmt.Sprintf("t%d.example.com", i%c.tenants+1), 200) })
		}
		wg.Wait()
		if w.tenants.counts().mints != c.tenants || w.tenants.counts().looks != c.tenants || failed.Load() > 0 {
			t.Errorf("%d tenants: %d mints, %d looks, %d failed", c.tenants, w.tenants.counts().mints, w.tenants.counts().looks, failed.Load())
		}
		if w.tokens.count() != c.tenants {
			t.Errorf("%d tokens in hand", w.tokens.count())
		}
	}
}

// A flight's failure is shared, too: a thousand who wait for a hung MySQL make one look.
func TestAFailureIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.tenants.hang = true
		began := time.Now()
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				got := w.ask(hostOne)
				if got.Code != 503 || got.Header().Get("Retry-After") == "" {
					t.Errorf("status %d", got.Code)
				}
			})
		}
		wg.Wait()
		if w.tenants.counts().looks != 1 || time.Since(began) != lookTimeout {
			t.Errorf("%d looks, %s", w.tenants.counts().looks, time.Since(began))
		}
	})
}

func TestAHitCostsNoSQL(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.mustAnswer(t, hostOne, 200)
	for range 50 {
		w.mustAnswer(t, hostOne, 200)
	}
	// Nor does a flight that was called for just before another landed.
	if _, err := w.tokens.fetch(t.Context(), hostOne); err != nil {
		t.Error(err)
	}
	if got := w.tenants.counts(); got.looks != 1 || got.mints != 1 || got.accepts != 0 {
		t.Errorf("%d looks, %d mints, %d accepts", got.looks, got.mints, got.accepts)
	}
}

// TestALookIsOneGoroutine, however many requests come while MySQL hangs.
func TestALookIsOneGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.mustAnswer(t, hostOne, 200)
		w.tenants.set(func(f *tenantsFake) { f.hang = true })
		time.Sleep(lookEvery)
		began := 0
		for range 100 {
			before := w.tokens.entry(hostOne).next.Load()
			w.mustAnswer(t, hostOne, 200)
			if w.tokens.entry(hostOne).next.Load() != before {
				began++
			}
		}
		if began != 1 {
			t.Errorf("%d requests began a look", began)
		}
	})
}

func TestAMintGoesOnWhenItsAskerHangsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.tenants.delay = time.Second
		ctx, hangUp := context.WithCancel(t.Context())
		go func() { time.Sleep(100 * time.Millisecond); hangUp() }()
		func() {
			defer func() {
				if err := recover(); err != http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
					t.Errorf("the connection is not broken: %v", err)
				}
			}()
			w.do(zyncAsks(hostOne, providerPath).WithContext(ctx))
		}()
		if w.porta.times() != 0 {
			t.Error("Porta was asked for nobody")
		}
		w.mustAnswer(t, hostOne, 200)
		if w.tenants.counts().mints != 1 {
			t.Errorf("%d mints", w.tenants.counts().mints)
		}
	})
}

// TestAHungMySQLDelaysNobody: whoever has a live token is served at once, whatever is due
// and for as long as the token may be used.
func TestAHungMySQLDelaysNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.mustAnswer(t, hostOne, 200)
		w.tenants.set(func(f *tenantsFake) { f.hang = true })
		atOnce := func() {
			t.Helper()
			began := time.Now()
			w.mustAnswer(t, hostOne, 200)
			if waited := time.Since(began); waited != 0 {
				t.Errorf("a request waited for %s", waited)
			}
		}
		for range 600 { // ten minutes, a request a second
			time.Sleep(time.Second)
			atOnce()
		}
		if n := w.tenants.counts().looks; n < 40 || n > 60 || w.tenants.counts().mostAt != 1 {
			t.Errorf("%d looks in ten minutes, %d at a time", n, w.tenants.counts().mostAt)
		}
		time.Sleep(23 * time.Hour) // a mint is due, too
		atOnce()
		time.Sleep(44 * time.Minute)
		atOnce()
		time.Sleep(time.Minute + 2*time.Second) // less than five minutes are left of it
		got := w.ask(hostOne)
		if got.Code != 503 || got.Header().Get("Retry-After") != "10" {
			t.Errorf("status %d, Retry-After %s", got.Code, got.Header().Get("Retry-After"))
		}
		w.tenants.set(func(f *tenantsFake) { f.hang = false })
		w.mustAnswer(t, hostOne, 200)
	})
}

// TestTokensAreUsedForAnHour, and looked at each minute, but only while they are asked for.
func TestTokensAreUsedForAnHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.mustAnswer(t, hostOne, 200)
		for range 119 {
			time.Sleep(30 * time.Second)
			w.mustAnswer(t, hostOne, 200)
			synctest.Wait()
		}
		if w.tenants.counts().mints != 1 || w.tenants.counts().looks < 55 || w.tenants.counts().looks > 62 {
			t.Errorf("%d mints, %d looks in an hour", w.tenants.counts().mints, w.tenants.counts().looks)
		}
		first, _ := w.tokens.get(t.Context(), hostOne)
		time.Sleep(time.Minute)
		w.mustAnswer(t, hostOne, 200) // with the old one; the new one is minted beside it
		synctest.Wait()
		second, _ := w.tokens.get(t.Context(), hostOne)
		if w.tenants.counts().mints != 2 || first.token == second.token {
			t.Errorf("%d mints in an hour and a bit", w.tenants.counts().mints)
		}
		time.Sleep(24 * time.Hour)
		if w.tokens.count() != 0 {
			t.Error("a token that nobody asks for is still in memory")
		}
	})
}

func TestShortLivedTokens(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ ttl, use, lives time.Duration }{
		{24 * time.Hour, time.Hour, 24*time.Hour - 5*time.Minute},
		{time.Hour, 30 * time.Minute, 55 * time.Minute},
		{4 * time.Minute, 2 * time.Minute, 3 * time.Minute},
	} {
		tokens := newTokens(newTenantsFake(0), c.ttl, time.Now)
		now := time.Now()
		k := &token{minted: now}
		if !tokens.fresh(k, now.Add(c.use-1)) || tokens.fresh(k, now.Add(c.use)) || !tokens.lives(k, now.Add(c.lives-1)) || tokens.lives(k, now.Add(c.lives)) {
			t.Errorf("a life of %s: wrong", c.ttl)
		}
		tokens.close()
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	tokens := newTokens(newTenantsFake(0), time.Hour, time.Now)
	defer tokens.close()
	k := &token{minted: time.Now()}
	for i := range handMost + 10 {
		tokens.store(fmt.Sprint(i), &held{token: k})
	}
	if tokens.count() != handMost {
		t.Errorf("%d in hand", tokens.count())
	}
}

func TestTooManyAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.mustAnswer(t, hostOne, 200)
	release := make(chan struct{})
	w.porta.answersBy(func(*http.Request) (*http.Response, error) { <-release; return response(200, accountJSON), nil })
	var wg sync.WaitGroup
	for range most {
		wg.Go(func() { w.mustAnswer(t, hostOne, 200) })
	}
	for w.porta.times() < most+1 {
		time.Sleep(time.Millisecond)
	}
	var got *httptest.ResponseRecorder
	if got = w.ask(hostOne); got.Code != 503 || got.Header().Get("Retry-After") == "" {
		t.Errorf("status %d", got.Code)
	}
	mustBeOwn(t, got)
	r := zyncAsks(hostOne, "/")
	if got := w.do(r); got.Code != 403 { // needs no seat
		t.Errorf("status %d", got.Code)
	}
	close(release)
	wg.Wait()
	w.mustAnswer(t, hostOne, 200)
}
