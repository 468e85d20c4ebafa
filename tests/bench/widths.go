package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// widths measures rate and latency by the number of pushes at a time.
func (b *bench) widths(ctx context.Context) error {
	seeded, err := b.seed(ctx, b.tenants, 0)
	if err != nil {
		return err
	}
	for _, width := range []int{1, 2, 3, 4, 6, 8, 16, 32} {
		z, err := zyncFor(seeded, zync.Threads, 5*time.Millisecond)
		if err != nil {
			return err
		}
		ours, err := b.once(ctx, b.binary, z, "--task=rotate", "--force", fmt.Sprintf("--push-concurrency=%d", width))
		b.byWidth = append(b.byWidth, point{
			float64(width), float64(len(seeded.Owners)) / ours.task.Seconds(), float64(z.Latency().Microseconds()) / 1000,
		})
		z.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// saturated is the number of pushes at a time beyond which the stand-in gets no faster. The
// program must find it.
const saturated = 4

// auto compares the number that the program finds with the best one, and measures the number
// beside another client.
func (b *bench) auto(ctx context.Context) error {
	seeded, err := b.seed(ctx, b.tenants, 0)
	if err != nil {
		return err
	}
	var rates, alone, beside []float64
	for range b.rounds {
		best, err := b.settled(ctx, seeded, fmt.Sprint(saturated), 0)
		if err != nil {
			return err
		}
		found, err := b.settled(ctx, seeded, "auto", 0)
		if err != nil {
			return err
		}
		shared, err := b.settled(ctx, seeded, "auto", saturated)
		if err != nil {
			return err
		}
		rates = append(rates, found.rate/best.rate)
		alone, beside = append(alone, found.width), append(beside, shared.width)
	}
	b.add("--push-concurrency=auto against a Zync that saturates at 4: pushes at a time", median(alone), "", "3 to 6", median(alone) >= 3 && median(alone) <= 6)
	b.atLeast("and its rate against that of 4", median(rates), "ratio", 0.95)
	b.add("beside another client of 4: pushes at a time", median(beside), "", "< alone", median(beside) < median(alone))
	return nil
}

// settlement is a run's rate and width after it has found its number.
type settlement struct{ width, rate float64 }

// settled rotates beside another client, which makes others requests at a time. It measures
// the second half of the run.
func (b *bench) settled(ctx context.Context, seeded *porta.Seeded, width string, others int) (settlement, error) {
	z, err := zyncFor(seeded, saturated, 10*time.Millisecond)
	if err != nil {
		return settlement{}, err
	}
	defer z.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	ended := make(chan error, 1)
	ours := &ownPushes{half: len(seeded.Owners) / 2}
	z.SetFault(ours.see)
	for range others {
		clients.Go(func() { hammer(ctx, z.URL) })
	}
	go func() {
		_, err := b.once(ctx, b.binary, z, "--task=rotate", "--force", "--push-concurrency="+width)
		ended <- err
	}()
	var widths []float64
	for {
		select {
		case err := <-ended:
			if err == nil && len(widths) == 0 {
				widths = []float64{0} // a run too short to look at
			}
			return settlement{median(widths), ours.rate()}, err
		case <-time.After(20 * time.Millisecond):
			if ours.settled() {
				widths = append(widths, float64(max(0, z.Open()-others)))
			}
		}
	}
}

// ownPushes counts the rotation's own pushes in its second half.
type ownPushes struct {
	mu          sync.Mutex
	half, n     int
	first, last time.Time
}

const stranger = 1 << 40 // the ids of the other client's tenants begin here

func (o *ownPushes) see(p zync.Push) zync.Fault {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p.TenantID >= stranger {
		return zync.Fault{}
	}
	if o.n++; o.n == o.half {
		o.first = time.Now()
	}
	o.last = time.Now()
	return zync.Fault{}
}

func (o *ownPushes) settled() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.n >= o.half
}

func (o *ownPushes) rate() float64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return float64(o.n-o.half) / o.last.Sub(o.first).Seconds()
}

// hammer pushes one token after the other.
func hammer(ctx context.Context, url string) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	body := fmt.Sprintf(`{"id":%d,"endpoint":"https://other.example.com/","access_token":"other"}`, stranger)
	for ctx.Err() == nil {
		request, err := http.NewRequestWithContext(ctx, http.MethodPut, url+"/tenant", strings.NewReader(body))
		if err != nil {
			return
		}
		request.Header.Set("Content-Type", "application/json")
		if response, err := client.Do(request); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
	}
}
