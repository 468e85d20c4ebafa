package rotate

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TestPlaceholdersAtRisk: a placeholder has no life that could pass. It is at risk if no
// gateway replaces it.
func TestPlaceholdersAtRisk(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		served       time.Duration // how long ago
		placeholders int
		replaced     bool
		want         float64
	}{
		"tokens, young":                       {time.Hour, 0, false, 0},
		"tokens, old":                         {13 * time.Hour, 0, false, 5},
		"placeholders, replaced":              {time.Hour, 5, true, 0},
		"placeholders, old, replaced":         {13 * time.Hour, 5, true, 0},
		"some placeholders, old, replaced":    {13 * time.Hour, 3, true, 2},
		"placeholders that no gateway serves": {time.Hour, 5, false, 5},
	} {
		m := NewMetrics(prometheus.NewRegistry(), 24*time.Hour, func() time.Time { return now })
		of := newTally()
		for range 5 {
			of.deliver(now.Add(-c.served))
		}
		m.ended(of, true)
		m.placed(c.placeholders, c.replaced)
		if got := m.atRisk(); got != c.want {
			t.Errorf("%s: %v at risk, want %v", name, got, c.want)
		}
	}
}
