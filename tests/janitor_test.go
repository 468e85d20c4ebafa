package tests

import "testing"

func TestJanitorPurgesTheStaleAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 60)
	w.watch()
	count := func(where string) (n int) {
		t.Helper()
		must(t, w.porta.DB.GetContext(t.Context(), &n, "SELECT COUNT(*) FROM access_tokens WHERE "+where))
		return n
	}
	const sync = "CAST(name AS BINARY) = CAST('OIDC Synchronization Token' AS BINARY)"
	others := count("NOT " + sync)
	if others != w.seeded.Others {
		t.Fatalf("%d tokens of other names were seeded, want %d", others, w.seeded.Others)
	}

	code, r := w.once("--task=janitor")
	if purged := r.Tasks[0]; code != 0 || purged.Purged != w.seeded.Stale || purged.Kept != w.seeded.Legacy {
		t.Errorf("before any rotation: exit code %d, report %+v, want %d purged and all %d legacy tokens kept",
			code, purged, w.seeded.Stale, w.seeded.Legacy)
	}
	// Two tenants are served. One of them has a legacy token so young that it may have
	// gone to Zync after ours.
	w.exec("UPDATE access_tokens SET created_at = UTC_TIMESTAMP() WHERE expires_at IS NULL AND owner_id = ? AND "+sync, w.seeded.Owners[6])
	if code, _ := w.once("--task=rotate", "--tenant=3", "--tenant=6"); code != 0 {
		t.Fatalf("rotate: exit code %d", code)
	}
	code, r = w.once("--task=janitor")
	if purged := r.Tasks[0]; code != 0 || purged.Purged != 1 || purged.Kept != w.seeded.Legacy-1 {
		t.Errorf("after two tenants were served: exit code %d, report %+v, want 1 purged, %d kept", code, purged, w.seeded.Legacy-1)
	}
	if code, _ := w.once(); code != 0 {
		t.Fatalf("both tasks: exit code %d", code)
	}
	if left := count("expires_at IS NULL AND " + sync); left != 1 {
		t.Errorf("%d legacy tokens are left, want the young one", left)
	}
	if left := count("expires_at < UTC_TIMESTAMP() AND " + sync); left != 0 {
		t.Errorf("%d expired sync tokens are left", left)
	}
	if got := count("NOT " + sync); got != others {
		t.Errorf("%d tokens of other names are left of %d", got, others)
	}
}
