package daemon

import "github.com/prometheus/client_golang/prometheus"

// The roles of a daemon.
const (
	leads        = "leader"
	standsBy     = "standby"
	withoutRedis = "without_redis"
	// OtherPorta is the role of a daemon that does nothing, since leases and ledger
	// belong to another Porta.
	OtherPorta = "other_porta"
)

// gauges show the role of a daemon.
type gauges struct{ leader, alone, refuses prometheus.Gauge }

func newGauges(registry prometheus.Registerer) gauges {
	g := gauges{
		leader: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "token_scheduler_leader", Help: "1 while this process leads, 0 while it stands by.",
		}),
		alone: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "token_scheduler_without_redis",
			Help: "1 while this process rotates under MySQL's lock alone, because no rotation has reached everyone for half a token's life.",
		}),
		refuses: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "token_scheduler_other_porta",
			Help: "1 while this process does nothing because the keys on Redis belong to another Porta.",
		}),
	}
	registry.MustRegister(g.leader, g.alone, g.refuses)
	return g
}

// rotatesAlone shows that a leader rotates alone, because its own rotations reach nobody.
func (g gauges) rotatesAlone(does bool) { set(g.alone, does) }

func (g gauges) show(role string) {
	for gauge, of := range map[prometheus.Gauge]string{g.leader: leads, g.alone: withoutRedis, g.refuses: OtherPorta} {
		set(gauge, role == of)
	}
}

func set(gauge prometheus.Gauge, is bool) {
	value := 0.0
	if is {
		value = 1
	}
	gauge.Set(value)
}
