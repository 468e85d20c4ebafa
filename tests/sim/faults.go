package sim

import "time"

// Restart ends every connection, and every writer with it.
func (p *Porta) Restart() {
	p.data.mu.Lock()
	defer p.data.mu.Unlock()
	p.data.restarts++
	clear(p.data.writers)
}

// Failover switches to a replica that lags. The tokens of the last lag are lost, and all
// connections are closed. It returns how many tokens were lost.
func (p *Porta) Failover(lag time.Duration) (lost int) {
	p.data.mu.Lock()
	before := len(p.data.tokens)
	since := time.Now().Add(-lag)
	p.data.dropTokens(func(t *Token) bool { return t.Created.After(since) })
	lost = before - len(p.data.tokens)
	p.data.mu.Unlock()
	p.Restart()
	return lost
}

// ReadOnly makes the server refuse writes, as a replica does.
func (p *Porta) ReadOnly(is bool) {
	p.data.mu.Lock()
	defer p.data.mu.Unlock()
	p.data.readOnly = is
}

// Refuse makes f decide which tokens MySQL refuses. It returns the reason, or "" to
// accept the token of a tenant.
func (p *Porta) Refuse(f func(tenant int64) string) {
	p.data.mu.Lock()
	defer p.data.mu.Unlock()
	p.data.refuse = f
}
