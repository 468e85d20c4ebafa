package rotate

import (
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

func BenchmarkMint(b *testing.B) {
	for b.Loop() {
		newToken(planned{})
	}
}

// BenchmarkPlan looks at the last deliveries of a page of a thousand tenants.
func BenchmarkPlan(b *testing.B) {
	now := time.Now()
	served := make([]time.Time, pageSize)
	for i := range served {
		if i%2 == 0 {
			served[i] = now
		}
	}
	window := tasks.Window{Start: now.Add(-time.Minute), End: now.Add(time.Hour)}
	for b.Loop() {
		servedInWindow(served, window, now)
	}
}

// BenchmarkHand hands out a second's tokens, one in ten of which fails once.
func BenchmarkHand(b *testing.B) {
	tokens := make([]*token, 1000)
	for i := range tokens {
		tokens[i] = newToken(planned{})
	}
	now := time.Now()
	for b.Loop() {
		var h hand
		h.add(tokens...)
		for i := 0; h.len() > 0; i++ {
			next := h.nextAgain(now)
			if next == nil {
				next = h.nextFresh()
			}
			h.take(next)
			if i < len(tokens) && i%10 == 0 {
				h.putBack(next)
			}
		}
	}
}
