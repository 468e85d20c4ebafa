package rotate_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/tests/sim"
)

// TestNobodyIsDropped: an owner is replaced at any moment of a run, the last
// included.
func TestNobodyIsDropped(t *testing.T) {
	for ms := 0; ms < 900; ms += 10 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 7)
			w.zync.Set(sim.Weather{Latency: 10 * time.Millisecond})
			began := time.Now()
			w.zync.Answer(func(tenant int64) int {
				if tenant == 3 && time.Since(began) < 40*time.Second {
					return 500 // it is in hand for long enough to be looked for
				}
				return 0
			})
			time.AfterFunc(39*time.Second+time.Duration(ms)*2*time.Millisecond, func() { w.porta.ReplaceOwner(3) })
			w.o.RetryFor = 5 * time.Minute
			r, err := w.run(nil)
			if err != nil {
				t.Fatal(err)
			}
			w.expect(r, map[string]int{"tenants": 7, "delivered": 7})
		})
	}
}

// cutShort lists no more than so many tenants, as a server with sql_select_limit did.
type cutShort struct {
	rotate.Tenants
	limit int
}

func (c cutShort) Page(ctx context.Context, after db.Cursor, limit int) ([]db.Tenant, db.Cursor, error) {
	page, next, err := c.Tenants.Page(ctx, after, limit)
	if len(page) <= c.limit {
		return page, next, err
	}
	return page[:c.limit], db.After(page[c.limit-1]), err
}

type forgetful struct {
	rotate.Tenants
	pages *int
}

func (f forgetful) Page(ctx context.Context, after db.Cursor, limit int) ([]db.Tenant, db.Cursor, error) {
	if *f.pages++; *f.pages > 1 {
		return nil, after, nil
	}
	return f.Tenants.Page(ctx, after, limit)
}

// TestWhoIsLeftOutMakesARunFail: MySQL counts more tenants than the list has.
func TestWhoIsLeftOutMakesARunFail(t *testing.T) {
	atTheWindow(t, 61, func(t *testing.T, w *world) {
		t.Helper()
		w.o.Tenants = forgetful{cutShort{w.porta, 20}, new(int)}
		r, err := w.run(nil)
		if err == nil || r.Complete || !strings.Contains(err.Error(), "met 20 tenants, and MySQL counts 61") {
			t.Errorf("complete %t, error %v", r.Complete, err)
		}
	})
}
