package rotate

import (
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// maxFailures is how many failures a report lists, one by one.
const maxFailures = 100

// tally counts what became of the tenants of a run.
type tally struct {
	began time.Time
	total int // tenants, by MySQL's count at the beginning; zero if that is not known

	delivered, already, noOwner, failed, unreached int
	placing                                        bool    // what is delivered are placeholders
	ownerless                                      []int64 // the first hundred
	minted                                         int
	failures                                       []tasks.Failure
	grouped                                        grouped // those that failed
	unrevoked                                      []int64 // served tenants whose older tokens live
	unrecorded                                     bool    // the log has said that the ledger can't be written
	// oldest is the earliest last delivery of a tenant that is served.
	oldest  time.Time
	lagging lagging // of those that failed
	// lastServed are the tenants that failed or were not reached, with their last
	// deliveries, the first hundred.
	lastServed []planned
}

// lagging counts tenants by the minute of their last delivery, in seconds since
// 1970, so that a million of them cost no more than a day has minutes. Zero
// stands for those whose last delivery is not known.
type lagging map[int64]int

func (l lagging) add(at time.Time) {
	var minute int64
	if !at.IsZero() {
		minute = at.Truncate(time.Minute).Unix()
	}
	l[minute]++
}

func (l lagging) len() int { return l.before(time.Unix(1<<60, 0)) }

func (l lagging) before(t time.Time) (n int) {
	for minute, count := range l {
		if minute < t.Unix() {
			n += count
		}
	}
	return n
}

// oldest is the earliest last delivery that is known; zero where none is.
func (l lagging) oldest() (at time.Time) {
	for minute := range l {
		if minute != 0 && (at.IsZero() || minute < at.Unix()) {
			at = time.Unix(minute, 0)
		}
	}
	return at
}

func newTally() *tally {
	return &tally{began: time.Now(), failures: []tasks.Failure{}, grouped: grouped{}, lagging: lagging{}}
}

// skipped adds what another tally counted of tenants that were not due.
func (t *tally) skipped(other *tally) {
	t.already += other.already
	t.noOwner += other.noOwner
	t.name(other.ownerless...)
	if !other.oldest.IsZero() {
		t.servedAt(other.oldest)
	}
}

// skip counts a tenant that is not due.
func (t *tally) skip(p planned) {
	if p.verdict == noOwner {
		t.noOwner++
		t.name(p.tenant.ID)
		return
	}
	t.already++
	t.servedAt(p.served)
}

func (t *tally) name(ownerless ...int64) {
	room := min(len(ownerless), maxFailures-len(t.ownerless))
	t.ownerless = append(t.ownerless, ownerless[:room]...)
}

func (t *tally) deliver(at time.Time) {
	t.delivered++
	t.servedAt(at)
}

func (t *tally) servedAt(at time.Time) {
	if t.oldest.IsZero() || at.Before(t.oldest) {
		t.oldest = at
	}
}

// undeliver takes a delivery back: the token is gone, and the tenant is served anew.
func (t *tally) undeliver() { t.delivered-- }

// unreach counts a tenant that the run did not reach.
func (t *tally) unreach(p planned) {
	t.unreached++
	t.lags(p)
}

// lags notes the last delivery of a tenant that was not served.
func (t *tally) lags(p planned) {
	t.lagging.add(p.served)
	if len(t.lastServed) < maxFailures {
		t.lastServed = append(t.lastServed, p)
	}
}

// tenants is how many the run met.
func (t *tally) tenants() int { return t.delivered + t.already + t.noOwner + t.failed + t.unreached }

// fail counts a tenant that the run did not serve.
func (t *tally) fail(p planned, reason string) {
	t.failed++
	t.grouped.add(p.tenant.ID, reason)
	t.lags(p)
	if len(t.failures) < maxFailures {
		t.failures = append(t.failures, tasks.Failure{TenantID: p.tenant.ID, Error: reason})
	}
}

func (t *tally) changed() bool { return t.minted > 0 || t.delivered > 0 }

func (t *tally) result() tasks.Result {
	counts := []tasks.Count{
		{Name: "tenants", N: t.tenants()},
		{Name: "delivered", N: t.delivered},
		{Name: "already", N: t.already},
		{Name: "no_owner", N: t.noOwner},
		{Name: "failed", N: t.failed + t.unreached},
		{Name: "minted", N: t.minted},
	}
	if t.placing {
		counts = append(counts, tasks.Count{Name: "placeholders", N: t.delivered})
	}
	return tasks.Result{
		Counts:   counts,
		Failures: t.failures,
		Failed:   t.failed + t.unreached,
		Done:     t.delivered + t.already,
		Changed:  t.changed(),
	}
}
