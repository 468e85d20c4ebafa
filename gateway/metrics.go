package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count requests and what was kept from Zync.
type metrics struct {
	requests map[outcome]prometheus.Counter
	duration prometheus.Histogram
	shielded prometheus.Counter
}

// newMetrics registers the metrics; inHand counts the tokens in memory.
func newMetrics(registry prometheus.Registerer, inHand func() int) *metrics {
	m := &metrics{requests: map[outcome]prometheus.Counter{}}
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "token_scheduler_gateway_requests_total",
		Help: "Requests from Zync, by outcome.",
	}, []string{"outcome"})
	for _, o := range outcomes() {
		m.requests[o] = requests.WithLabelValues(string(o))
	}
	m.duration = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "token_scheduler_gateway_request_duration_seconds",
		Help:    "How long a request took, however it ended.",
		Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30},
	})
	m.shielded = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "token_scheduler_gateway_shielded_total",
		Help: "Answers of Porta that would have made Zync delete something, and that the gateway did not hand on.",
	})
	tokens := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "token_scheduler_gateway_tokens",
		Help: "Tenants whose token is in memory.",
	}, func() float64 { return float64(inHand()) })
	registry.MustRegister(requests, m.duration, m.shielded, tokens)
	return m
}

func (m *metrics) count(out reply, took time.Duration) {
	m.requests[out.outcome].Inc()
	m.duration.Observe(took.Seconds())
	if out.shield {
		m.shielded.Inc()
	}
}
