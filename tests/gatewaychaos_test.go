package tests

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/porta"
)

// chaosLasts is how long TestGatewayInChaos makes trouble; GATEWAY_CHAOS is another time.
const chaosLasts = 20 * time.Second

// gatewayChaos is two daemons behind a balancer, with proxies between all of them.
type gatewayChaos struct {
	*gatewayWorld
	toxics  map[string]*toxic // to mysql, redis, zync, porta; and gateway: between Zync and the balancer
	hosts   []string
	daemons []*proc
	file    secretFile // DATABASE_URL
	env     []map[string]string

	mu       sync.Mutex
	statuses map[int]int
	dead     map[string]bool // tokens that no gateway can take for alive any more
	stray    int             // requests with one of them
}

// TestGatewayInChaos: placeholders are pushed. Everything between Zync, gateways, MySQL,
// Redis and Porta fails, tokens are revoked, the password of MySQL changes, and daemons
// restart, while Zync asks. Nothing is deleted without a witness, every request is answered in time, and what
// Zync holds never reaches Porta.
func TestGatewayInChaos(t *testing.T) {
	t.Parallel()
	lasts := chaosLasts
	if given := os.Getenv("GATEWAY_CHAOS"); given != "" {
		var err error
		lasts, err = time.ParseDuration(given)
		must(t, err)
	}
	c := newGatewayChaos(t)
	c.serves()
	eventually(t, "placeholder at Zync", func() bool { return c.withPlaceholder() > 0 })
	ctx, stop := context.WithTimeout(t.Context(), lasts)
	defer stop()
	front := c.toxics["gateway"].proxy.Listen
	var asking sync.WaitGroup
	for range 6 {
		asking.Go(func() {
			for ctx.Err() == nil {
				c.ask(front)
			}
		})
	}
	revocation := c.revoke()
	c.expire()
	for ctx.Err() == nil {
		c.trouble(ctx)
	}
	asking.Wait()
	_ = revocation.cmd.Process.Signal(syscall.SIGTERM) // it begins anew where its own tokens were ended, too
	revocation.wait()
	c.serves()
	t.Logf("answers by status: %v; %d tokens were ended", c.statuses, len(c.dead))
	if c.statuses[200] == 0 || len(c.dead) == 0 || c.stray > 0 {
		t.Errorf("%d requests with tokens that were known to be dead", c.stray)
	}
	for _, d := range c.daemons {
		d.stops()
	}
}

func newGatewayChaos(t *testing.T) *gatewayChaos {
	t.Helper()
	c := &gatewayChaos{gatewayWorld: newGatewayWorld(t, 60), statuses: map[int]int{}, dead: map[string]bool{}}
	c.hosts = c.approved()
	c.toxics = c.poisonGateway()
	c.file = newSecretFile(t, c.env0("DATABASE_URL"))
	addresses := []string{freeAddress(t), freeAddress(t)}
	for _, address := range addresses {
		env := maps.Clone(c.gatewayWorld.env)
		env["ROTATE_SCHEDULE"], env["PUSH"] = "@every 5s", "placeholder"
		env["DATABASE_URL"], env["DATABASE_URL_FILE"], env["GATEWAY_LISTEN_ADDRESS"] = "", c.file.path, address
		c.env = append(c.env, env)
		d := c.start(env)
		d.gateway()
		c.daemons = append(c.daemons, d)
	}
	c.toxics["gateway"] = newToxic(t, balance(t, addresses...))
	c.api.Remove(c.hosts[0], findURI) // Porta itself says that it is gone
	c.api.SetFault(c.watched(nil))
	return c
}

func (c *gatewayChaos) env0(name string) string { return c.gatewayWorld.env[name] }

// watched looks at each request that reaches Porta before it fails.
func (c *gatewayChaos) watched(fault func(porta.Request) porta.Fault) func(porta.Request) porta.Fault {
	return func(r porta.Request) porta.Fault {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.dead[r.Token] {
			c.stray++
		}
		if fault == nil {
			return porta.Fault{}
		}
		return fault(r)
	}
}

// ask is a job of Zync's. It may delete only what Porta says is gone, or what neither
// Porta nor MySQL knows.
func (c *gatewayChaos) ask(address string) {
	host, uri := c.hosts[rand.IntN(len(c.hosts))], []string{providerURI, serviceURI, findURI}[rand.IntN(3)]
	if rand.IntN(20) == 0 {
		host = "gone-admin.example.com"
	}
	got := c.fetch(address, host, uri)
	witness := host == "gone-admin.example.com" || (host == c.hosts[0] && uri == findURI)
	if got.Deleted && (!witness || got.Status != http.StatusNotFound) {
		c.t.Errorf("Zync deletes %s of %s: status %d %.80s, %v", uri, host, got.Status, got.Body, got.Err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statuses[got.Status]++
}

// revoke is --revoke by hand.
func (c *gatewayChaos) revoke() *proc {
	c.t.Helper()
	return c.start(map[string]string{"DATABASE_URL": "", "DATABASE_URL_FILE": c.file.path, "GATEWAY_LISTEN_ADDRESS": ""},
		"--run-once", "--task=rotate", "--revoke")
}

// trouble is one fault, for a moment.
func (c *gatewayChaos) trouble(ctx context.Context) {
	links := []string{"mysql", "mysql", "porta", "porta", "redis", "zync", "gateway"}
	name := links[rand.IntN(len(links))]
	link := c.toxics[name]
	switch n := rand.IntN(9); {
	case n == 0:
		link.cut()
	case n == 1:
		link.slow()
	case n == 2:
		link.reset()
	case n == 3 && name != "gateway": // Zync gives up twice, and no gateway can help
		link.halfOpen()
	case n == 4:
		c.expire()
	case n == 5:
		c.changePassword()
	case n == 6:
		c.restart(rand.IntN(len(c.daemons)))
	default:
		c.api.SetFault(c.watched(anyFault))
	}
	select {
	case <-ctx.Done():
	case <-time.After(400 * time.Millisecond):
	}
	link.heal()
	c.api.SetFault(c.watched(nil))
}

// anyFault is a way in which Porta, or a proxy before it, answers wrongly.
func anyFault(porta.Request) porta.Fault {
	faults := []porta.Fault{
		{Status: 404, Type: "text/html", Body: porta.NotFoundPage}, {Status: 404, Type: "application/json", Body: porta.RailsNotFound},
		{Status: 200}, {Status: 200, Type: "application/json", Body: "{}"}, {Status: 422}, {Status: 302}, {Status: 401}, {Status: 403},
		{Status: 500}, {Status: 503}, {Cut: true}, {Status: 200, Body: `{"proxy":{`, CutShort: true}, {Delay: 200 * time.Millisecond},
	}
	return faults[rand.IntN(len(faults))]
}

// expire ends all tokens. When each gateway has served each tenant once after it, no
// request of theirs has one of those tokens any more.
func (c *gatewayChaos) expire() {
	c.t.Helper()
	c.exec("UPDATE access_tokens SET expires_at = UTC_TIMESTAMP() - INTERVAL 1 SECOND WHERE name = 'OIDC Synchronization Token'")
	ended := map[string]bool{}
	for _, r := range c.api.Asked() {
		if _, ok, err := c.porta.Accepts(c.t.Context(), r.Token); r.Token != "" && !ok && err == nil {
			ended[r.Token] = true
		}
	}
	c.serves()
	time.Sleep(time.Second) // for requests that had their token before
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.Copy(c.dead, ended)
}

// serves waits until each gateway serves each tenant.
func (c *gatewayChaos) serves() {
	c.t.Helper()
	for _, env := range c.env {
		for _, host := range c.hosts {
			eventually(c.t, fmt.Sprintf("service of %s", host), func() bool {
				return c.fetch(env["GATEWAY_LISTEN_ADDRESS"], host, providerURI).Status == http.StatusOK
			})
		}
	}
}

// changePassword gives the scheduler's user another password, and ends its connections.
func (c *gatewayChaos) changePassword() {
	c.t.Helper()
	password := fmt.Sprintf("password-%d", rand.Uint32())
	c.exec("SET PASSWORD FOR " + c.porta.Name + "@'%' = PASSWORD('" + password + "')")
	_, rest, _ := strings.Cut(c.env0("DATABASE_URL"), "@")
	c.file.write("mysql2://" + c.porta.Name + ":" + password + "@" + rest)
	var connections []int
	must(c.t, c.porta.DB.Select(&connections, "SELECT id FROM information_schema.processlist WHERE user = ?", c.porta.Name))
	for _, id := range connections {
		_, _ = c.porta.DB.Exec("KILL ?", id)
	}
	for _, d := range c.daemons {
		d.signal(syscall.SIGHUP)
	}
}

// restart ends a daemon, in order or at once, and starts it anew.
func (c *gatewayChaos) restart(i int) {
	c.t.Helper()
	if rand.IntN(2) == 0 {
		c.daemons[i].signal(syscall.SIGKILL)
		c.daemons[i].wait()
	} else {
		c.daemons[i].stops()
	}
	c.daemons[i] = c.start(c.env[i])
	c.daemons[i].gateway()
}
