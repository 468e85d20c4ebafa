package janitor

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
)

func TestTriage(t *testing.T) {
	created := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	legacy := func(id int64) db.StaleToken {
		return db.StaleToken{
			ID: id, Legacy: true, CreatedAt: sql.NullTime{Time: created, Valid: true},
			TenantID: sql.NullInt64{Int64: id, Valid: true},
		}
	}
	undated, ownerless := legacy(5), legacy(6)
	undated.CreatedAt = sql.NullTime{}
	ownerless.TenantID = sql.NullInt64{}
	expired, gone, kept := triage([]db.StaleToken{
		{ID: 1}, legacy(2), legacy(3), legacy(4), undated, ownerless,
	}, map[int64]time.Time{
		2: created.Add(2 * time.Hour),    // surely served a newer one
		3: created.Add(30 * time.Minute), // Porta may have pushed the old one again
		5: created,
		// 4 was not served as far as is known
	})
	if got := fmt.Sprint(expired, gone, kept); got != "1 [2 5] 3" {
		t.Errorf("expired, legacy and kept are %s, want 1 [2 5] 3", got)
	}
}
