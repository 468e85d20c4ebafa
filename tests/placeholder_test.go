package tests

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks/rotate"
)

// withPlaceholder is for how many tenants Zync holds a placeholder.
func (w *world) withPlaceholder() (n int) {
	for _, holding := range w.zync.Holds() {
		if holding.Token == rotate.Placeholder {
			n++
		}
	}
	return n
}

// liveTokens is how many sync tokens live.
func (w *world) liveTokens() (n int) {
	w.t.Helper()
	must(w.t, w.porta.DB.Get(&n, `
SELECT COUNT(*) FROM access_tokens WHERE name = 'OIDC Synchronization Token' AND (expires_at IS NULL OR expires_at >= UTC_TIMESTAMP())`))
	return n
}

// allLive checks that Zync holds a live token for everyone that has an owner.
func (w *world) allLive() {
	w.t.Helper()
	broken, err := w.broken(w.t.Context())
	must(w.t, err)
	if len(broken) > 0 {
		w.t.Errorf("Zync holds tokens that Porta refuses, of tenants %v", broken)
	}
}

// carries waits until Redis knows that a gateway has carried a request.
func (w *world) carries() {
	w.t.Helper()
	client := w.redis()
	eventually(w.t, "request on Redis", func() bool {
		keys, err := client.Keys(w.t.Context(), "*{"+w.env["SCHEDULER_NAME"]+"}:gateways").Result()
		must(w.t, err)
		for _, key := range keys {
			for _, value := range client.HGetAll(w.t.Context(), key).Val() {
				if strings.Contains(value, "last_request") {
					return true
				}
			}
		}
		return false
	})
}

// placing starts a daemon with a gateway that carries, and has placeholders pushed.
func (w *gatewayWorld) placing() (d *proc, address string, tenants int) {
	w.t.Helper()
	w.env["PUSH"] = "placeholder"
	d = w.start(nil)
	address = d.gateway()
	d.logs("live tokens are pushed in place of placeholders", "no gateway")
	d.logs("run ended", "outcome=success")
	w.allLive()
	if n := w.withPlaceholder(); n > 0 {
		w.t.Fatalf("%d placeholders were pushed before a gateway carried anything", n)
	}
	w.gets(address, w.approved()[0], providerURI, http.StatusOK)
	w.carries()
	code, r := w.once("--task=rotate", "--force", "--dry-run")
	if task := r.Tasks[0]; code != 0 || task.Placeholders != task.Delivered || task.Minted != 0 || w.withPlaceholder() > 0 {
		w.t.Errorf("a dry run: exit code %d, %+v", code, task)
	}
	code, r = w.once("--task=rotate", "--force")
	tenants = r.Tasks[0].Delivered
	if code != 0 || tenants == 0 || r.Tasks[0].Placeholders != tenants || r.Tasks[0].Minted != 0 || w.withPlaceholder() != tenants {
		w.t.Fatalf("exit code %d, %+v, %d placeholders at Zync", code, r.Tasks[0], w.withPlaceholder())
	}
	return d, address, tenants
}

// TestPlaceholders: live tokens until a gateway carries, then placeholders; a revocation
// leaves no token; and back, at once.
func TestPlaceholders(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, 30)
	d, address, tenants := w.placing()
	check := w.start(nil, "--check")
	check.wait()
	if !strings.Contains(check.stdout.String(), "placeholders: a gateway carries") {
		t.Errorf("--check says\n%s", check.stdout)
	}
	shown := w.start(nil, "--status")
	if code := shown.wait(); code != 0 || !strings.Contains(shown.stdout.String(), fmt.Sprintf("%d tenants with a placeholder at Zync", tenants)) {
		t.Errorf("--status: exit code %d\n%s", code, shown.stdout)
	}
	w.gets(address, w.approved()[1], providerURI, http.StatusOK)

	if code, r := w.once("--task=rotate", "--revoke"); code != 0 || r.Tasks[0].Placeholders != tenants {
		t.Errorf("--revoke: exit code %d, %+v", code, r.Tasks)
	}
	// Tenants without an owner can't be given anything, and keep what they have.
	if n, ownerless := w.liveTokens(), w.liveTokensOfOwnerless(); n != ownerless {
		t.Errorf("%d sync tokens live after a revocation, %d of them of tenants without an owner", n, ownerless)
	}
	for _, host := range w.approved()[:2] {
		w.gets(address, host, providerURI, http.StatusOK) // the gateway mints
	}

	eventually(t, "metric of the placeholders", func() bool {
		return strings.Contains(getText(t, d.address()+"/metrics"), fmt.Sprintf("\ntoken_scheduler_placeholders %d\n", tenants))
	})
	if code, r := w.once("--task=rotate", "--push=token"); code != 0 || r.Tasks[0].Delivered != tenants || r.Tasks[0].Already != 0 {
		t.Errorf("--push=token: exit code %d, %+v", code, r.Tasks)
	}
	w.allLive()
	d.stops()
}

// liveTokensOfOwnerless counts those of tenants without an owner.
func (w *world) liveTokensOfOwnerless() (n int) {
	w.t.Helper()
	must(w.t, w.porta.DB.Get(&n, `
SELECT COUNT(*) FROM access_tokens t JOIN users u ON u.id = t.owner_id
 WHERE t.name = 'OIDC Synchronization Token' AND (t.expires_at IS NULL OR t.expires_at >= UTC_TIMESTAMP())
   AND NOT EXISTS (SELECT 1 FROM users a WHERE a.account_id = u.account_id AND a.role = 'admin')`))
	return n
}

// TestADaemonGoesBackAtOnce: its start gives everyone live tokens, though they were served
// in this window.
func TestADaemonGoesBackAtOnce(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, 30)
	d, address, tenants := w.placing()
	d.stops()
	w.env["PUSH"] = "token"
	d = w.start(nil)
	d.logs("run ended", "outcome=success", fmt.Sprintf("delivered=%d", tenants), "already=0")
	w.allLive()
	_ = address
	d.stops()
}

// TestGatewayKilled takes four minutes, so it runs only if SLOW is set: no gateway is left
// for the placeholders, and another daemon gives everyone live tokens.
func TestGatewayKilled(t *testing.T) {
	if os.Getenv("SLOW") == "" {
		t.Skip("SLOW is not set")
	}
	t.Parallel()
	w := newGatewayWorld(t, 30)
	with, _, _ := w.placing()
	without := w.start(map[string]string{"GATEWAY_LISTEN_ADDRESS": ""})
	without.logs("standing by")
	with.signal(syscall.SIGKILL)
	killed := time.Now()
	for w.withPlaceholder() > 0 {
		if time.Since(killed) > 5*time.Minute {
			t.Fatalf("%d placeholders that nobody replaces after %s", w.withPlaceholder(), time.Since(killed))
		}
		time.Sleep(time.Second)
	}
	t.Logf("everyone has a live token %s after the gateway was killed", time.Since(killed).Round(time.Second))
	w.allLive()
	without.stops()
}
