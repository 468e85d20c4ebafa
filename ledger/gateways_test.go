package ledger

import (
	"testing"
	"time"
)

// TestGateways: a gateway is alive for half a minute after its last word. It carries
// Zync's requests if it is alive and has carried one within a day. The others forget a
// dead one.
func TestGateways(t *testing.T) {
	t.Parallel()
	a := newTestLedger(t)
	b := New(a.client, a.prefix, "there:2")
	now := time.Now().UTC().Truncate(time.Millisecond)
	must(t, a.RecordGateway(t.Context(), Gateway{Address: ":9396", Since: now.Add(-time.Hour), LastRequest: now.Add(-time.Hour), Tokens: 7}, now))
	known := func(want int) []Gateway {
		t.Helper()
		got, err := a.Gateways(t.Context())
		must(t, err)
		if len(got) != want {
			t.Fatalf("gateways %+v, want %d", got, want)
		}
		return got
	}
	g := known(1)[0]
	if g.By != "here:1" || g.Address != ":9396" || g.Tokens != 7 || !g.Seen.Equal(now) || !g.LastRequest.Equal(now.Add(-time.Hour)) {
		t.Errorf("gateway %+v", g)
	}
	must(t, a.client.HSet(t.Context(), a.gateways(), "x", "not ours", "y", `{"by":"z"}`).Err())
	known(1)
	must(t, b.RecordGateway(t.Context(), Gateway{}, now.Add(time.Minute)))
	if g := known(1)[0]; g.By != "there:2" {
		t.Errorf("the dead gateway is not forgotten: %+v", g)
	}
	must(t, b.RemoveGateway(t.Context()))
	known(0)
}

func TestGatewayCarries(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, row := range map[string]struct {
		seen, last     time.Duration // before now
		alive, carries bool
	}{
		"alive":                  {0, time.Hour, true, true},
		"its last word is old":   {36 * time.Second, time.Hour, false, false},
		"a request of yesterday": {0, 25 * time.Hour, true, false},
		"another host's clock":   {-30 * time.Second, -30 * time.Second, true, true},
		"a word of the future":   {-time.Hour, time.Hour, false, false},
		"a request to come":      {0, -time.Hour, true, false},
	} {
		g := Gateway{Seen: now.Add(-row.seen), LastRequest: now.Add(-row.last)}
		if g.Alive(now) != row.alive || g.Carries(now) != row.carries {
			t.Errorf("%s: alive %t, carries %t", name, g.Alive(now), g.Carries(now))
		}
	}
	if (Gateway{Seen: now}).Carries(now) {
		t.Error("a gateway that has carried nothing carries")
	}
}
