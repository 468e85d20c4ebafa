package rotate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/tests/sim"
	"github.com/token-scheduler/token-scheduler/zync"
)

// TestTheCanaryIsAnApprovedTenants: Porta refuses a valid token of any other.
func TestTheCanaryIsAnApprovedTenants(t *testing.T) {
	for name, c := range map[string]struct {
		suspended []int64
		only      []int64
		want      string // tenants that were tried
	}{
		"everyone is approved":      {nil, nil, "[1]"},
		"the first are suspended":   {[]int64{1, 2, 3, 5}, nil, "[4]"},
		"a suspended one by name":   {[]int64{7}, []int64{7}, "[]"},
		"two by name":               {[]int64{7}, []int64{7, 8}, "[8]"},
		"the bookmark is suspended": {[]int64{7}, nil, "[1]"},
	} {
		t.Run(name, func(t *testing.T) {
			atTheWindow(t, 20, func(t *testing.T, w *world) {
				t.Helper()
				for _, id := range c.suspended {
					w.porta.SetApproved(id, false)
				}
				w.o.Only = c.only
				var tried []int64
				w.o.Verify = func(_ context.Context, tenant zync.Tenant, _ secret.Text) error {
					if tried = append(tried, tenant.ID); slices.Contains(c.suspended, tenant.ID) {
						return zync.ErrNotAccepted
					}
					if w.zync.Pushes() > 0 {
						t.Error("something was pushed before the first token was tried")
					}
					return nil
				}
				r, err := w.run(nil)
				if err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprint(tried); got != c.want {
					t.Errorf("tried %s, want %s", got, c.want)
				}
				if c.only == nil {
					w.expect(r, map[string]int{"delivered": 20, "minted": 20})
					w.allServed()
				}
			})
		})
	}
}

// TestTheCanarysTenantIsMetOnce: the first approved tenant has a token in hand since the
// run before. It is tried with a new one, and handed out once.
func TestTheCanarysTenantIsMetOnce(t *testing.T) {
	atTheWindow(t, 20, func(t *testing.T, w *world) {
		t.Helper()
		w.o.Verify = func(context.Context, zync.Tenant, secret.Text) error { return nil }
		w.zync.Answer(fails(503, 1))
		daemon := rotate.New(w.o)
		if _, err := w.runBy(daemon, nil); err != nil {
			t.Fatal(err)
		}
		w.zync.Answer(nil)
		hour()
		r, err := w.runBy(daemon, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.expect(r, map[string]int{"delivered": 20, "minted": 20})
		w.allServed()
	})
}

// TestPortaSeesTheTokenLate: it reads a replica that lags by seconds.
func TestPortaSeesTheTokenLate(t *testing.T) {
	atTheWindow(t, 20, func(t *testing.T, w *world) {
		t.Helper()
		began := time.Now()
		w.o.Verify = func(context.Context, zync.Tenant, secret.Text) error {
			if time.Since(began) < 7*time.Second {
				return zync.ErrNotAccepted
			}
			return nil
		}
		r, err := w.run(nil)
		if err != nil {
			t.Fatal(err)
		}
		w.expect(r, map[string]int{"delivered": 20, "minted": 20})
	})
}

func TestVerifyBeforePush(t *testing.T) {
	for name, c := range map[string]struct {
		err           error
		asked, pushes int
	}{
		"accepted":     {nil, 1, 20},
		"not accepted": {zync.ErrNotAccepted, 11, 0}, // it is tried for ten seconds
		"no answer":    {errors.New("time-out"), 3, 20},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 20)
				asked := 0
				w.o.Verify = func(context.Context, zync.Tenant, secret.Text) error { asked++; return c.err }
				r, err := w.run(nil)
				if asked != c.asked || w.zync.Pushes() != c.pushes {
					t.Errorf("Porta was asked %d times, Zync got %d pushes; want %d and %d", asked, w.zync.Pushes(), c.asked, c.pushes)
				}
				if (err != nil) != errors.Is(c.err, zync.ErrNotAccepted) {
					t.Errorf("error %v", err)
				}
				if c.pushes == 0 {
					w.expect(r, map[string]int{"minted": 1, "failed": 20})
					if w.porta.Tokens() != 0 {
						t.Error("the refused token is still there")
					}
					// The next run tries another tenant's, should it be this one's own fault.
					id, _ := sim.NewLedger(w.redis).Resume(t.Context())
					if id == 0 {
						t.Error("the next run would begin with the same tenant")
					}
				}
			})
		})
	}
}
