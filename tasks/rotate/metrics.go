package rotate

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/zync"
)

// Metrics count pushes and show how many tenants are served, failing and at risk.
type Metrics struct {
	minted   prometheus.Counter
	pushes   map[zync.Class]prometheus.Counter
	duration prometheus.Histogram

	ttl time.Duration
	now func() time.Time

	mu           sync.Mutex
	served       int
	noOwner      int
	oldest       time.Time // earliest last delivery of the served
	lagging      lagging   // of the failing
	running      int       // failing in the run that is at work, or that did not reach everyone
	placeholders int       // at Zync, at the last look
	replaced     bool      // and a gateway was alive, which replaces them

	held map[ledger.Withheld]prometheus.Gauge
}

// NewMetrics registers the metrics; ttl is a token's.
func NewMetrics(registry prometheus.Registerer, ttl time.Duration, now func() time.Time) *Metrics {
	m := &Metrics{ttl: ttl, now: now, pushes: map[zync.Class]prometheus.Counter{}}
	m.minted = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "token_scheduler_tokens_minted_total",
		Help: "Sync tokens inserted into Porta's database.",
	})
	pushes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "token_scheduler_pushes_total",
		Help: "Pushes to Zync by what became of them.",
	}, []string{"outcome"})
	for _, class := range []zync.Class{zync.Delivered, zync.Invalid, zync.Rejected, zync.Transient} {
		m.pushes[class] = pushes.WithLabelValues(class.String())
	}
	m.duration = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "token_scheduler_push_duration_seconds",
		Help:    "How long a push took, whatever became of it.",
		Buckets: []float64{.005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 20},
	})
	registry.MustRegister(m.minted, pushes, m.duration)
	m.registerPlaceholders(registry)
	for state, value := range map[string]func() float64{
		"served": m.servedNow, "failing": m.failing, "at_risk": m.atRisk, "no_owner": m.ownerless,
	} {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "token_scheduler_tenants",
			Help:        "Tenants by how they fared in the last run: served, failing, no_owner; at_risk are those whose last known delivery is older than half a token's life.",
			ConstLabels: prometheus.Labels{"state": state},
		}, value))
	}
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "token_scheduler_oldest_delivery_age_seconds",
		Help: "Time since the least recent last delivery among the tenants with an owner, as far as deliveries are known.",
	}, m.oldestAge))
	return m
}

func (m *Metrics) pushed(class zync.Class, took time.Duration) {
	m.pushes[class].Inc()
	m.duration.Observe(took.Seconds())
}

// during notes how many tenants fail in the run that is at work.
func (m *Metrics) during(failing int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running = failing
}

// ended takes over a run's numbers. If the run did not reach everyone, the numbers of the
// others stay.
func (m *Metrics) ended(t *tally, everyone bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running = t.failed; everyone {
		m.served, m.noOwner, m.oldest, m.lagging = t.delivered+t.already, t.noOwner, t.oldest, t.lagging
	}
}

func (m *Metrics) locked(f func() int) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return float64(f())
}

func (m *Metrics) servedNow() float64 { return m.locked(func() int { return m.served }) }
func (m *Metrics) failing() float64 {
	return m.locked(func() int { return max(m.running, m.lagging.len()) })
}
func (m *Metrics) ownerless() float64 { return m.locked(func() int { return m.noOwner }) }

// atRisk counts the failing tenants whose last delivery is old or not known. Once nobody was
// served for that long, it counts the served ones, too.
func (m *Metrics) atRisk() float64 {
	return m.locked(func() int {
		risky := m.now().Add(-m.ttl / 2)
		n := m.lagging.before(risky)
		if !m.oldest.IsZero() && m.oldest.Before(risky) {
			n += m.served
		}
		if m.replaced { // a placeholder does not expire
			return max(0, n-m.placeholders)
		}
		return max(n, m.placeholders)
	})
}

func (m *Metrics) oldestAge() float64 {
	return m.locked(func() int {
		oldest := m.oldest
		if at := m.lagging.oldest(); !at.IsZero() && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
		if oldest.IsZero() {
			return 0
		}
		return int(m.now().Sub(oldest) / time.Second)
	})
}

func (m *Metrics) registerPlaceholders(registry prometheus.Registerer) {
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "token_scheduler_placeholders",
		Help: "Tenants for whom Zync may hold a placeholder in place of a token, as far as Redis knows.",
	}, func() float64 { return m.locked(func() int { return m.placeholders }) }))
	held := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "token_scheduler_placeholders_withheld",
		Help: "1 for the reason why the last run pushed live tokens in place of placeholders; 0 for all if it pushed what --push asks for.",
	}, []string{"reason"})
	m.held = map[ledger.Withheld]prometheus.Gauge{}
	for _, why := range []ledger.Withheld{ledger.NoGateway, ledger.NoRequest, ledger.NotKnown} {
		m.held[why] = held.WithLabelValues(string(why))
	}
	registry.MustRegister(held)
}

// withhold notes why no placeholders are pushed, or that they are.
func (m *Metrics) withhold(why ledger.Withheld) {
	for reason, gauge := range m.held {
		value := 0.0
		if reason == why {
			value = 1
		}
		gauge.Set(value)
	}
}

// placed notes for how many tenants Zync may hold a placeholder, and whether a gateway is
// alive that replaces it.
func (m *Metrics) placed(n int, replaced bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.placeholders, m.replaced = n, replaced
}
