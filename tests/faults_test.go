package tests

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/servers"
	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// slowly makes each push take some time.
func slowly(zync.Push) zync.Fault { return zync.Fault{Delay: 50 * time.Millisecond} }

// brisk rotates every few seconds. Its tokens live little longer than a dead leader's
// lease, so a tenant that is not served again soon is locked out.
var brisk = map[string]string{"ROTATE_SCHEDULE": "@every 5s", "TOKEN_TTL": "60s"}

// servedSince waits until every tenant has got a token after a moment.
func (w *world) servedSince(moment time.Time) {
	w.t.Helper()
	eventually(w.t, "delivery to everyone", func() bool {
		holds := w.zync.Holds()
		for tenant := range w.seeded.Owners {
			if !holds[tenant].At.After(moment) {
				return false
			}
		}
		return true
	})
}

// TestNetworkFaults: whatever happens to the connections to a server, the invariant
// holds all the time, and everyone is served afterwards.
func TestNetworkFaults(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"mysql", "redis", "zync"} {
		for name, fault := range map[string]func(*toxic){
			"cut": (*toxic).cut, "slow": (*toxic).slow, "half-open": (*toxic).halfOpen, "reset in mid-answer": (*toxic).reset,
		} {
			t.Run(server+" "+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, 20)
				w.watch()
				toxics := w.poison()
				d := w.start(brisk)
				w.servedSince(time.Time{})
				d.logs("run ended", "outcome=success")
				fault(toxics[server])
				time.Sleep(10*time.Second + rand.N(8*time.Second))
				toxics[server].heal()
				w.servedSince(time.Now())
				d.stops()
			})
		}
	}
}

// TestFrozenLeader: a frozen leader is replaced. When it goes on, it can't write, and
// stands by.
func TestFrozenLeader(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 40)
	w.watch()
	w.zync.SetFault(slowly)
	env := map[string]string{"ROTATE_SCHEDULE": "@every 5s", "TOKEN_TTL": "90s"}
	first := w.start(env)
	first.logs("run ended", "outcome=success")
	second := w.start(env)
	second.logs("standing by")
	pushes := w.zync.Pushes()
	eventually(t, "a rotation to freeze", func() bool { return w.zync.Pushes() > pushes })
	first.signal(syscall.SIGSTOP)
	second.logs("msg=leading")
	frozen := time.Now()
	second.logs("task=rotate", "outcome=success")
	t.Logf("the second rotated %s after it led", time.Since(frozen).Round(time.Second))
	first.signal(syscall.SIGCONT)
	first.logs("no longer leading")
	first.logs("standing by")
	w.servedSince(time.Now())
}

// TestKilledAtAnyMoment: whenever a run is killed, the next one serves the rest, and
// few tenants a second time.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 80)
	w.watch()
	w.zync.SetFault(slowly)
	before := w.lastTokenID()
	kills := 0
	for kills < 6 {
		p := w.start(nil, "--run-once", "--task=rotate", "--wait=30s")
		time.Sleep(300*time.Millisecond + rand.N(1200*time.Millisecond))
		p.signal(syscall.SIGKILL)
		p.wait()
		kills++
	}
	w.zync.SetFault(nil)
	code, r := w.once("--task=rotate", "--wait=40s")
	if code != 0 || r.Tasks[0].Delivered+r.Tasks[0].Already != len(w.seeded.Owners) {
		t.Errorf("exit code %d, report %+v", code, r.Tasks[0])
	}
	// A kill wastes what was minted ahead and not yet recorded: two seconds of tokens.
	if extra := len(w.minted(before)) - len(w.seeded.Owners); extra > kills*160 {
		t.Errorf("%d tokens too many after %d kills", extra, kills)
	}
	w.servedSince(time.Time{})
}

func TestMariaDBRestartedInARun(t *testing.T) {
	t.Parallel()
	mariadb, redisServer := servers.Private(t)
	p, err := porta.Create(t.Context(), mariadb.Config())
	must(t, err)
	t.Cleanup(func() { _ = p.DB.Close() })
	w := newWorldOn(t, p, redisServer.URL(0), 150)
	w.zync.SetFault(slowly)
	run := w.start(nil, "--run-once", "--task=rotate")
	eventually(t, "pushes", func() bool { return w.zync.Pushes() > 20 })
	mariadb.Kill()
	time.Sleep(2 * time.Second)
	must(t, mariadb.Start(t.Context()))
	if code := run.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	run.logs("nothing can be minted; trying again")
	broken, err := w.broken(t.Context())
	must(t, err)
	if len(broken) > 0 {
		t.Errorf("Zync holds tokens that Porta refuses, of tenants %v", broken)
	}
	for tenant, holding := range w.zync.Holds() {
		if len(holding.Token) != 96 {
			t.Errorf("tenant %d was not served", tenant)
		}
	}
}

// TestRedisFlushedInARun: the lease is lost. Two schedulers may believe that they lead,
// and MySQL lets only one write.
func TestRedisFlushedInARun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 60)
	w.watch()
	w.zync.SetFault(slowly)
	private, err := servers.StartRedis(t.Context(), t.TempDir())
	must(t, err)
	t.Cleanup(private.Kill)
	w.env["REDIS_URL"] = private.URL(0)
	first, second := w.start(brisk), w.start(brisk)
	client := w.redis()
	for range 3 {
		pushes := w.zync.Pushes()
		eventually(t, "pushes", func() bool { return w.zync.Pushes() > pushes+5 })
		must(t, client.FlushAll(t.Context()).Err())
		time.Sleep(7 * time.Second)
	}
	w.servedSince(time.Now())
	for _, d := range []*proc{first, second} {
		d.stops()
	}
}

// TestZyncHangsForOneInAHundred: the other tenants do not wait for them, and in the end
// all are served.
func TestZyncHangsForOneInAHundred(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 200)
	w.watch()
	var othersServed atomic.Bool
	w.zync.SetFault(func(p zync.Push) zync.Fault {
		return zync.Fault{Hang: p.TenantID%100 == 50 && !othersServed.Load()}
	})
	p := w.start(nil, "--run-once", "--task=rotate")
	began := time.Now()
	eventually(t, "delivery to all the others", func() bool {
		served := 0
		for _, holding := range w.zync.Holds() {
			if len(holding.Token) == 96 {
				served++
			}
		}
		return served >= len(w.seeded.Owners)-2
	})
	othersServed.Store(true)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	w.servedSince(began)
}

// TestRedisAwayIsSaidOnceAMinute: and not a thousand times.
func TestRedisAwayIsSaidOnceAMinute(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 5)
	w.env["REDIS_URL"] = "redis://127.0.0.1:1/0"
	d := w.start(nil)
	d.logs("Redis is away")
	time.Sleep(10 * time.Second)
	if lines := countLines(d, "Redis is away"); lines != 1 {
		t.Errorf("said %d times in ten seconds", lines)
	}
	d.stops()
}

// TestMySQLAwayAtTheStart: a run by hand waits for MySQL, for --retry-for.
func TestMySQLAwayAtTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	toxics := w.poison()
	toxics["mysql"].cut()
	if p := w.start(nil, "--run-once", "--task=rotate", "--retry-for=2s"); p.wait() != 1 {
		t.Error("want exit code 1 when it stays away")
	}
	p := w.start(nil, "--run-once", "--task=rotate")
	p.logs("MySQL does not answer; trying again")
	toxics["mysql"].heal()
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// TestPortaMintsBesideARun makes clients do what Porta does when its cache misses, for
// the owners that a rotation works on. None of them fails, and the rotation ends.
func TestPortaMintsBesideARun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 150)
	w.watch()
	var owners []int64
	for _, owner := range w.seeded.Owners {
		owners = append(owners, owner)
	}
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for c := range 8 {
		clients.Go(func() {
			for i := c; ; i += 8 {
				select {
				case <-stop:
					return
				default:
				}
				if err := w.porta.MintOnMiss(owners[i%len(owners)], fmt.Sprintf("porta-%d", i)); err != nil {
					t.Errorf("Porta's client: %v", err)
					return
				}
			}
		})
	}
	for range 3 {
		if code, r := w.once("--task=rotate", "--force"); code != 0 || r.Tasks[0].Delivered != len(owners) {
			t.Errorf("exit code %d, report %+v", code, r.Tasks[0])
		}
	}
	close(stop)
	clients.Wait()
}

// TestPortaThatRefusesKeepsItsOldTokens: a token that does not work must not replace
// one that does.
func TestPortaThatRefusesKeepsItsOldTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	w.watch()
	refuses := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		http.Error(rw, `{"error":"Your access token does not have the correct permissions"}`, http.StatusForbidden)
	}))
	defer refuses.Close()
	w.env["PORTA_ENDPOINT"] = refuses.URL
	before := w.lastTokenID()
	code, r := w.once("--task=rotate")
	if code != 1 || r.Tasks[0].Minted != 1 || w.zync.Pushes() != 0 || len(w.minted(before)) != 0 {
		t.Errorf("exit code %d, report %+v, %d pushes", code, r.Tasks[0], w.zync.Pushes())
	}
	w.env["VERIFY"] = "off"
	if code, _ := w.once("--task=rotate"); code != 0 {
		t.Errorf("exit code %d without verification, want 0", code)
	}
}
