package tests

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/servers"
	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// tokenRow is a row of access_tokens, as Porta would write it.
type tokenRow struct {
	OwnerID    int64         `db:"owner_id"`
	Scopes     string        `db:"scopes"`
	Value      string        `db:"value"`
	Name       string        `db:"name"`
	Permission string        `db:"permission"`
	TenantID   sql.NullInt64 `db:"tenant_id"`
	CreatedAt  time.Time     `db:"created_at"`
	UpdatedAt  time.Time     `db:"updated_at"`
	ExpiresAt  time.Time     `db:"expires_at"`
}

// minted returns the rows of ids above after, by digest.
func (w *world) minted(after int64) map[string]tokenRow {
	w.t.Helper()
	var rows []tokenRow
	must(w.t, w.porta.DB.SelectContext(w.t.Context(), &rows, `
SELECT owner_id, scopes, value, name, permission, tenant_id, created_at, updated_at, expires_at
  FROM access_tokens WHERE id > ?`, after))
	byDigest := map[string]tokenRow{}
	for _, row := range rows {
		byDigest[row.Value] = row
	}
	return byDigest
}

func (w *world) lastTokenID() (id int64) {
	w.t.Helper()
	must(w.t, w.porta.DB.GetContext(w.t.Context(), &id, "SELECT COALESCE(MAX(id), 0) FROM access_tokens"))
	return id
}

func TestRotationServesEveryTenantOnceAWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 120)
	w.watch()
	before := w.lastTokenID()
	code, r := w.once("--task=rotate")
	rotated := r.Tasks[0]
	owners, ownerless := len(w.seeded.Owners), len(w.seeded.NoOwner)
	if code != 0 || rotated.Outcome != "success" || rotated.Tenants != owners+ownerless ||
		rotated.Delivered != owners || rotated.Minted != owners || rotated.NoOwner != ownerless || rotated.Failed != 0 {
		t.Fatalf("exit code %d, report %+v; want %d owners and %d without", code, rotated, owners, ownerless)
	}
	rows := w.minted(before)
	if len(rows) != owners {
		t.Errorf("%d rows were written, want %d", len(rows), owners)
	}
	holds := w.zync.Holds()
	for tenant, owner := range w.seeded.Owners {
		row, ok := rows[porta.Digest(holds[tenant].Token)]
		if !ok {
			t.Fatalf("Zync holds no new token of tenant %d", tenant)
		}
		want := tokenRow{
			OwnerID: owner, Scopes: "---\n- account_management\n", Value: row.Value,
			Name: "OIDC Synchronization Token", Permission: "ro",
			TenantID:  sql.NullInt64{Int64: tenant, Valid: true},
			CreatedAt: row.CreatedAt, UpdatedAt: row.CreatedAt, ExpiresAt: row.CreatedAt.Add(24 * time.Hour),
		}
		if tenant == porta.MasterID {
			want.TenantID = sql.NullInt64{} // as the trigger has it
		}
		if row != want {
			t.Errorf("row %+v, want %+v", row, want)
		}
		if len(holds[tenant].Token) != 96 || strings.Trim(holds[tenant].Token, "0123456789abcdef") != "" {
			t.Errorf("tenant %d: a plaintext is not 96 hexadecimal digits", tenant)
		}
		if holds[tenant].Endpoint != porta.Endpoint(tenant) {
			t.Errorf("tenant %d: endpoint became %q", tenant, holds[tenant].Endpoint)
		}
	}
	if most := w.zync.MostOpen(); most > 3 {
		t.Errorf("%d connections were open at a time, want at most 3", most)
	}
	code, r = w.once("--task=rotate")
	if again := r.Tasks[0]; code != 0 || again.Already != owners || again.Minted != 0 || again.Tenants != owners+ownerless {
		t.Errorf("second run in the window: exit code %d, report %+v", code, again)
	}
	if got := w.zync.Pushes(); got != owners {
		t.Errorf("%d pushes, want %d", got, owners)
	}
}

func TestTenantsThatZyncDoesNotKnowGetAnEndpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	fresh, err := zync.Start(zync.Options{Token: credential})
	must(t, err)
	defer fresh.Close()
	w.env["ZYNC_ENDPOINT"] = fresh.URL
	w.exec("UPDATE accounts SET self_domain = NULL WHERE id = 3")
	for id, host := range map[int]string{
		4: "no host/at all", 5: `"quoted'`, 6: strings.Repeat("a", 246), 7: "héros.example.com", 8: "-", 9: "x:99999999",
	} {
		w.exec("UPDATE accounts SET self_domain = ?, org_name = ? WHERE id = ?", host, strings.Repeat("ü", 255), id)
	}
	const bad = 6 // a name of 246 letters makes an endpoint of 255
	before := w.lastTokenID()
	code, r := w.once("--task=rotate")
	if rotated := r.Tasks[0]; code != 1 || rotated.Outcome != "partial" || rotated.Failed != bad || rotated.Delivered != len(w.seeded.Owners)-bad {
		t.Fatalf("exit code %d, report %+v", code, rotated)
	}
	for id, holding := range fresh.Holds() {
		want := strings.Replace(porta.Endpoint(id), "t1-", "master-", 1)
		if (id < 3 || id > 9) && holding.Endpoint != want {
			t.Errorf("tenant %d: endpoint %q, want %q", id, holding.Endpoint, want)
		}
	}
	if rows := w.minted(before); len(rows) != len(w.seeded.Owners)-bad {
		t.Errorf("%d tokens are left, want those that were delivered, %d", len(rows), len(w.seeded.Owners)-bad)
	}
}

func TestSixRunsAtOnceWasteNoToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 60)
	w.watch()
	before := w.lastTokenID()
	procs := make([]*proc, 6)
	for i := range procs {
		procs[i] = w.start(nil, "--run-once", "--task=rotate")
	}
	done := 0
	for _, p := range procs {
		switch code := p.wait(); code {
		case 0:
			done++
		case 75:
		default:
			t.Errorf("exit code %d, want 0 or 75", code)
		}
	}
	if done == 0 {
		t.Error("no run did the work")
	}
	if rows := w.minted(before); len(rows) != len(w.seeded.Owners) {
		t.Errorf("%d tokens were minted for %d tenants", len(rows), len(w.seeded.Owners))
	}
}

func TestWaitingRunsTakeTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 30)
	a := w.start(nil, "--run-once", "--task=rotate", "--wait=1m")
	b := w.start(nil, "--run-once", "--task=rotate", "--wait=1m")
	if codeA, codeB := a.wait(), b.wait(); codeA != 0 || codeB != 0 {
		t.Errorf("exit codes %d and %d, want 0 and 0", codeA, codeB)
	}
}

// refusing makes Zync refuse a tenant, in an answer that quotes the token.
func refusing(tenant int64) func(zync.Push) zync.Fault {
	return func(p zync.Push) zync.Fault {
		if p.TenantID == tenant {
			return zync.Fault{Status: 422, Body: `{"errors":{"access_token":["is invalid: ` + p.Token + `"]}}`}
		}
		return zync.Fault{}
	}
}

func TestRefusedTenantMakesTheRunPartial(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 30)
	w.watch()
	const bad = 9
	w.zync.SetFault(refusing(bad))
	before := w.lastTokenID()
	code, r := w.once("--task=rotate")
	rotated := r.Tasks[0]
	if code != 1 || rotated.Outcome != "partial" || rotated.Failed != 1 || rotated.Delivered != len(w.seeded.Owners)-1 {
		t.Fatalf("exit code %d, report %+v", code, rotated)
	}
	if len(rotated.Failures) != 1 || rotated.Failures[0].TenantID != bad ||
		!strings.Contains(rotated.Failures[0].Error, "422, access_token") {
		t.Errorf("failures %+v, want tenant %d with the field that Zync names", rotated.Failures, bad)
	}
	if rows := w.minted(before); len(rows) != len(w.seeded.Owners)-1 {
		t.Errorf("%d new tokens are left, want %d: the refused one must be gone", len(rows), len(w.seeded.Owners)-1)
	}
}

func TestWrongCredentialStopsTheRun(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]map[string]string{
		"wrong token": {"ZYNC_AUTHENTICATION_TOKEN": "wrong"},
		"no token":    {"ZYNC_AUTHENTICATION_TOKEN": ""},
		"no Zync":     {"ZYNC_ENDPOINT": "/elsewhere"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 40)
			w.watch()
			if env["ZYNC_ENDPOINT"] != "" {
				env["ZYNC_ENDPOINT"] = w.zync.URL + env["ZYNC_ENDPOINT"]
			}
			before := w.lastTokenID()
			p := w.start(env, "--run-once", "--task=rotate")
			if code := p.wait(); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			p.logs("run ended", "outcome=failed", "minted=1", "check ZYNC_")
			if rows := w.minted(before); len(rows) != 0 {
				t.Errorf("%d tokens are left of those that Zync refused", len(rows))
			}
		})
	}
}

func TestTransientFailuresAreTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 40)
	w.watch()
	seen := map[int64]int{}
	w.zync.SetFault(func(p zync.Push) zync.Fault {
		seen[p.TenantID]++
		if seen[p.TenantID] > 1 {
			return zync.Fault{}
		}
		switch p.TenantID % 8 {
		case 1:
			return zync.Fault{Status: 500}
		case 2:
			return zync.Fault{Cut: true, Store: true}
		case 3:
			return zync.Fault{Status: 409}
		case 4:
			return zync.Fault{Status: 429, Header: map[string][]string{"Retry-After": {"1"}}}
		}
		return zync.Fault{}
	})
	before := w.lastTokenID()
	code, r := w.once("--task=rotate")
	if rotated := r.Tasks[0]; code != 0 || rotated.Delivered != len(w.seeded.Owners) || rotated.Minted != rotated.Delivered {
		t.Fatalf("exit code %d, report %+v", code, rotated)
	}
	if rows := w.minted(before); len(rows) != len(w.seeded.Owners) {
		t.Errorf("%d tokens for %d tenants: the same token must be pushed again", len(rows), len(w.seeded.Owners))
	}
}

func TestRunOnceGivesUpAfterRetryFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 40)
	w.watch()
	w.zync.SetFault(func(p zync.Push) zync.Fault {
		if p.TenantID == 6 {
			return zync.Fault{Status: 503, Store: true}
		}
		return zync.Fault{}
	})
	before := w.lastTokenID()
	code, r := w.once("--task=rotate", "--retry-for=2s")
	rotated := r.Tasks[0]
	if code != 1 || rotated.Failed != 1 || rotated.Delivered != len(w.seeded.Owners)-1 {
		t.Fatalf("exit code %d, report %+v", code, rotated)
	}
	if rows := w.minted(before); len(rows) != len(w.seeded.Owners) {
		t.Errorf("%d tokens are left, want %d: one that may have arrived must stay", len(rows), len(w.seeded.Owners))
	}
}

func TestForceTenantAndDryRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 40)
	w.watch()
	owners := len(w.seeded.Owners)
	before := w.lastTokenID()
	code, r := w.once("--dry-run")
	if rotated := r.Tasks[0]; code != 0 || rotated.Delivered != owners || rotated.Minted != owners || rotated.NoOwner != len(w.seeded.NoOwner) {
		t.Errorf("dry run: exit code %d, report %+v", code, rotated)
	}
	if purged := r.Tasks[1]; purged.Purged != w.seeded.Stale || purged.Kept != w.seeded.Legacy {
		t.Errorf("dry run: report %+v, want %d purged and %d kept", purged, w.seeded.Stale, w.seeded.Legacy)
	}
	if w.lastTokenID() != before || w.zync.Pushes() != 0 {
		t.Error("a dry run wrote or pushed")
	}
	code, r = w.once("--task=rotate", "--tenant=2", "--tenant=3")
	if rotated := r.Tasks[0]; code != 0 || rotated.Tenants != 2 || rotated.Delivered != 2 {
		t.Errorf("two tenants: exit code %d, report %+v", code, rotated)
	}
	code, r = w.once("--task=rotate", "--tenant=2", "--tenant=3", "--tenant=4")
	if rotated := r.Tasks[0]; code != 0 || rotated.Already != 2 || rotated.Delivered != 1 {
		t.Errorf("two of them again: exit code %d, report %+v", code, rotated)
	}
	code, r = w.once("--task=rotate", "--tenant=2", "--force")
	if rotated := r.Tasks[0]; code != 0 || rotated.Delivered != 1 {
		t.Errorf("with --force: exit code %d, report %+v", code, rotated)
	}
	if code, _ = w.once("--task=rotate", "--tenant=999999"); code != 1 {
		t.Errorf("a tenant that is none: exit code %d, want 1", code)
	}
	code, r = w.once("--task=rotate")
	if rotated := r.Tasks[0]; code != 0 || rotated.Already != 3 || rotated.Delivered != owners-3 {
		t.Errorf("the rest: exit code %d, report %+v", code, rotated)
	}
}

func TestRevokeEndsTokensOnlyOfTheServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 30)
	w.watch()
	const bad = 9
	w.zync.SetFault(refusing(bad))
	leaked := w.zync.Holds()
	before := w.lastTokenID()
	if code, _ := w.once("--task=rotate"); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	p := w.start(nil, "--run-once", "--task=rotate", "--revoke")
	if code := p.wait(); code != 1 {
		t.Errorf("exit code %d, want 1: a tenant was not served", code)
	}
	p.logs("level=ERROR", "NOT revoked", "tenant_id=9")
	for tenant := range w.seeded.Owners {
		_, lives, err := w.porta.Accepts(t.Context(), leaked[tenant].Token)
		must(t, err)
		if lives != (tenant == bad) {
			t.Errorf("tenant %d: the old token lives: %t", tenant, lives)
		}
	}
	var live int
	must(t, w.porta.DB.GetContext(t.Context(), &live, `SELECT COUNT(*) FROM access_tokens
 WHERE name LIKE 'OIDC Synchronization Token' AND (expires_at IS NULL OR expires_at >= UTC_TIMESTAMP()) AND id <= ?`, before))
	var ofBad int
	must(t, w.porta.DB.GetContext(t.Context(), &ofBad, `SELECT COUNT(*) FROM access_tokens
 WHERE name LIKE 'OIDC Synchronization Token' AND (expires_at IS NULL OR expires_at >= UTC_TIMESTAMP()) AND id <= ? AND owner_id = ?`,
		before, w.seeded.Owners[bad]))
	if live != ofBad {
		t.Errorf("%d older tokens live, want the %d of the tenant that was not served", live, ofBad)
	}
}

// TestFailedRunsSayWhatToDo: in the report, in the log's last line and in --status.
func TestFailedRunsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(w *world)
		want  string
	}{
		"MySQL": {func(w *world) {
			w.exec("REVOKE INSERT ON " + w.porta.Name + ".access_tokens FROM " + w.porta.Name + "@'%'")
		},
			"what to do: grant this user"},
		"Redis": {func(w *world) { must(w.t, w.redis().Do(w.t.Context(), "REPLICAOF", "127.0.0.1", "1").Err()) },
			"what to do: this Redis is a replica"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, porta.New(t), servers.PrivateRedis(t).URL(0), 5)
			if code, _ := w.once("--task=rotate"); code != 0 {
				t.Fatalf("exit code %d", code)
			}
			c.spoil(w)
			p := w.start(nil, "--run-once", "--task=rotate", "--force", "--report=json", "--retry-for=1s")
			if code := p.wait(); code != 1 || !strings.Contains(p.stdout.String(), c.want) {
				t.Errorf("exit code %d, report %s", code, p.stdout)
			}
			p.logs("run ended", c.want)
			if name == "Redis" {
				return // it records nothing
			}
			look := w.start(nil, "--status")
			if look.wait(); !strings.Contains(look.stdout.String(), c.want) {
				t.Errorf("--status says\n%s", look.stdout)
			}
		})
	}
}
