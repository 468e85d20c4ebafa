package gateway

import "time"

// sweepEvery is how often tokens of tenants without requests are dropped.
const sweepEvery = time.Minute

// sweepNowAndThen drops the tokens of tenants without requests.
func (t *tokens) sweepNowAndThen() {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			t.sweep()
		case <-t.ctx.Done():
			return
		}
	}
}

// sweep drops the tokens that are too old to be used. Zync has not asked for their tenants
// for long, or there would be newer ones. It drops none earlier, so that a tenant with few
// requests is served while MySQL is away.
func (t *tokens) sweep() {
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for host, e := range t.byHost {
		if !t.lives(e.held.Load().token, now) {
			delete(t.byHost, host)
		}
	}
}
