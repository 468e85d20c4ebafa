package ledger

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestLedgerOfPlaceholders(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	now := time.Now().UTC().Truncate(time.Millisecond)
	out := func(want ...int64) {
		t.Helper()
		n, err := l.CountPlaceholders(t.Context())
		must(t, err)
		some, err := l.SomePlaceholders(t.Context(), 10)
		must(t, err)
		if slices.Sort(some); n != len(want) || fmt.Sprint(some) != fmt.Sprint(append([]int64{}, want...)) {
			t.Errorf("placeholders of %v, %d; want %v", some, n, want)
		}
	}
	out()
	must(t, l.AnnouncePlaceholders(t.Context(), nil, now))
	must(t, l.AnnouncePlaceholders(t.Context(), []int64{1, 2, 3}, now.Add(-time.Second)))
	out(1, 2, 3)
	must(t, l.Record(t.Context(), map[int64]Delivery{
		1: {At: now, Placeholder: now}, 2: {At: now, Minted: now}, 4: {At: now, Placeholder: now},
	}, map[int64]string{3: "zync answered 500"}, now))
	out(1, 3, 4)
	held, err := l.PlaceholdersOf(t.Context(), []int64{1, 2, 3, 4})
	must(t, err)
	if !held[0].Equal(now) || !held[1].IsZero() || !held[2].Equal(now.Add(-time.Second)) || !held[3].Equal(now) {
		t.Errorf("placeholders %v", held)
	}
	must(t, l.ForgetPlaceholders(t.Context(), []int64{4}))
	out(1, 3)
	must(t, l.Forget(t.Context(), now))
	out(1)
}

// TestAPlaceholderIsNoToken: it counts as served, and no token is looked for.
func TestAPlaceholderIsNoToken(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	now := time.Now().UTC().Truncate(time.Millisecond)
	must(t, l.Record(t.Context(), map[int64]Delivery{1: {At: now, Placeholder: now}, 2: {At: now}}, nil, now))
	served, err := l.Deliveries(t.Context(), []int64{1})
	must(t, err)
	minted, err := l.Minted(t.Context(), []int64{1, 2})
	must(t, err)
	if !served[0].Equal(now) || !minted[0].IsZero() || !minted[1].Equal(now) {
		t.Errorf("served %v, minted %v", served, minted)
	}
	fared, err := l.Tenant(t.Context(), 1)
	must(t, err)
	if !fared.Delivery.Placeholder.Equal(now) || !fared.Delivery.Minted.IsZero() {
		t.Errorf("the tenant's delivery is %+v", fared.Delivery)
	}
}

func TestWithhold(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	gateway := func(seen, request time.Duration) Gateway {
		g := Gateway{Seen: now.Add(-seen)}
		if request > 0 {
			g.LastRequest = now.Add(-request)
		}
		return g
	}
	for name, c := range map[string]struct {
		known []Gateway
		err   error
		want  Withheld
	}{
		"none":                               {want: NoGateway},
		"Redis away":                         {err: errors.New("away"), want: NotKnown},
		"alive, and carries":                 {known: []Gateway{gateway(5*time.Second, time.Hour)}, want: Allowed},
		"alive, without a request":           {known: []Gateway{gateway(5*time.Second, 0)}, want: NoRequest},
		"alive, its request is too old":      {known: []Gateway{gateway(5*time.Second, 25*time.Hour)}, want: NoRequest},
		"dead, and carried":                  {known: []Gateway{gateway(time.Minute, time.Hour)}, want: NoGateway},
		"of another clock, far ahead":        {known: []Gateway{gateway(-time.Hour, time.Hour)}, want: NoGateway},
		"one dead, one without a request":    {known: []Gateway{gateway(time.Minute, time.Hour), gateway(0, 0)}, want: NoRequest},
		"one without a request, one carries": {known: []Gateway{gateway(0, 0), gateway(0, time.Minute)}, want: Allowed},
	} {
		if got := Withhold(c.known, c.err, now); got != c.want || (got == Allowed) != (got.Words() == "") {
			t.Errorf("%s: %q, %q; want %q", name, got, got.Words(), c.want)
		}
	}
}
