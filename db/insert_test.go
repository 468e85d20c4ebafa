package db_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/tests/porta"
)

func TestErrorsHoldNoDigest(t *testing.T) {
	t.Parallel()
	_, _, pool := open(t, porta.Seed{Tenants: 2})
	w := openWriter(t, pool)
	digest := porta.Digest("x")
	must(t, insert(t, w, token(1, digest)))
	refused, err := w.Insert(t.Context(), []db.NewToken{token(1, digest)}, time.Hour)
	must(t, err)
	if len(refused) != 1 || !strings.Contains(refused[0].Err.Error(), "1062") || strings.Contains(refused[0].Err.Error(), digest[10:20]) {
		t.Errorf("refused %v, want a duplicate key without the digest", refused)
	}
}

// TestRefusedRowsFailAlone: rows that do not fit, and rows that a trigger forbids,
// take nothing from the rest of the batch.
func TestRefusedRowsFailAlone(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 2})
	_, err := p.DB.Exec(`CREATE TRIGGER no_seven BEFORE INSERT ON access_tokens FOR EACH ROW
 BEGIN IF NEW.owner_id = 7 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not for seven'; END IF; END`)
	must(t, err)
	w := openWriter(t, pool)
	var batch []db.NewToken
	for i := range 40 {
		batch = append(batch, token(int64(40-i), fmt.Sprintf("v%d", i)))
	}
	batch[3] = token(100, strings.Repeat("x", 256))
	refused, err := w.Insert(t.Context(), batch, time.Hour)
	must(t, err)
	got := map[int]string{}
	for _, r := range refused {
		got[r.Index] = r.Err.Error()
	}
	if len(got) != 2 || !strings.Contains(got[3], "1406") || !strings.Contains(got[33], "not for seven") {
		t.Errorf("refused %v, want the 3rd (1406) and the 33rd (1644)", got)
	}
	var n int
	must(t, p.DB.Get(&n, "SELECT COUNT(*) FROM access_tokens WHERE value LIKE 'v%'"))
	if n != 38 {
		t.Errorf("%d tokens were written, want 38", n)
	}
}

// TestBatchesThatAreTooLargeAreHalved: the server's max_allowed_packet costs
// neither the writer nor a tenant.
func TestBatchesThatAreTooLargeAreHalved(t *testing.T) {
	t.Parallel()
	_, _, pool := openPrivate(t, porta.Seed{Tenants: 2}, "--max-allowed-packet=4096")
	w := openWriter(t, pool)
	batch := make([]db.NewToken, 100)
	for i := range batch {
		batch[i] = token(1, porta.Digest(fmt.Sprint("packet", i)))
	}
	must(t, insert(t, w, batch...))
	n, err := w.Delete(t.Context(), digestsOf(batch))
	must(t, err)
	if n != len(batch) {
		t.Errorf("%d tokens were deleted, want %d", n, len(batch))
	}
}

// TestConflictsWithPorta has clients do what Porta does when its cache misses,
// for the very owners for which batches are inserted. None of them may fail
// because of us, and we must get through.
func TestConflictsWithPorta(t *testing.T) {
	t.Parallel()
	p, seeded, pool := open(t, porta.Seed{Tenants: 60, Tokens: true})
	w := openWriter(t, pool)
	var owners []int64
	for id := int64(1); id <= 61; id++ {
		if owner := seeded.Owners[id]; owner != 0 {
			owners = append([]int64{owner}, owners...) // the order that deadlocks, unless Insert sorts
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for c := range 8 {
		clients.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				owner := owners[(c*len(owners)/8+i)%len(owners)]
				if err := p.MintOnMiss(owner, fmt.Sprintf("porta-%d-%d", c, i)); err != nil {
					t.Errorf("Porta's client: %v", err)
					return
				}
			}
		})
	}
	for i := range 40 {
		batch := make([]db.NewToken, len(owners))
		for j, owner := range owners {
			batch[j] = token(owner, fmt.Sprintf("ours-%d-%d", i, owner))
		}
		if err := insert(t, w, batch...); err != nil {
			t.Errorf("batch %d: %v", i, err)
		}
	}
	cancel()
	clients.Wait()
}
