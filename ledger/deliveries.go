package ledger

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Delivery is when a tenant's token was delivered, and when it was minted. The token's
// life begins when it is minted. Of a placeholder, Minted is zero.
type Delivery struct {
	At, Minted time.Time
	// Placeholder is when a placeholder was pushed that Zync may hold now. It is zero if
	// Zync certainly holds a token.
	Placeholder time.Time
}

// notMinted stands in place of the time of a placeholder's mint.
const notMinted = "-"

// format writes the time of the mint only if it differs from that of the delivery. The
// time of the placeholder has a key of its own.
func (d Delivery) format() string {
	switch {
	case d.Minted.IsZero() && !d.Placeholder.IsZero():
		return formatTime(d.At) + " " + notMinted
	case d.Minted.IsZero() || d.At.Sub(d.Minted) < time.Second:
		return formatTime(d.At)
	}
	return formatTime(d.At) + " " + formatTime(d.Minted)
}

// parseDelivery returns a zero Delivery for a value that this program did not write.
func parseDelivery(text string) Delivery {
	at, minted, found := strings.Cut(text, " ")
	d := Delivery{At: parseTime(at)}
	if d.Minted = d.At; found {
		d.Minted = parseTime(minted)
	}
	return d
}

// Deliveries returns the time of each tenant's last delivery, in the order of ids. It
// is zero if none is known.
func (l *Ledger) Deliveries(ctx context.Context, ids []int64) ([]time.Time, error) {
	return l.times(ctx, ids, func(d Delivery) time.Time { return d.At })
}

// Minted returns when each tenant's last delivered token was minted, in the order of
// ids; zero if none is known.
func (l *Ledger) Minted(ctx context.Context, ids []int64) ([]time.Time, error) {
	return l.times(ctx, ids, func(d Delivery) time.Time { return d.Minted })
}

func (l *Ledger) times(ctx context.Context, ids []int64, of func(Delivery) time.Time) ([]time.Time, error) {
	known, err := l.deliveriesOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	times := make([]time.Time, len(ids))
	for i, d := range known {
		times[i] = of(d)
	}
	return times, nil
}

func (l *Ledger) deliveriesOf(ctx context.Context, ids []int64) ([]Delivery, error) {
	values, err := l.hmget(ctx, l.deliveries(), ids)
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	known := make([]Delivery, len(ids))
	for i, value := range values {
		if text, ok := value.(string); ok {
			known[i] = parseDelivery(text)
		}
	}
	return known, nil
}

// Record stores deliveries with their times, and failures with their reasons. A
// delivery ends a tenant's failure.
func (l *Ledger) Record(ctx context.Context, delivered map[int64]Delivery, failed map[int64]string, now time.Time) error {
	if len(delivered) == 0 && len(failed) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	failures, err := l.sinceWhen(ctx, failed, now)
	if err != nil {
		return err
	}
	err = l.on(ctx, hashType, func() error {
		_, err := l.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			l.note(ctx, pipe, delivered, failures)
			return nil
		})
		return err
	}, l.deliveries(), l.failures(), l.placeholders())
	if err != nil {
		return fmt.Errorf("record deliveries: %w", err)
	}
	return nil
}

// note queues the commands of [Ledger.Record].
func (l *Ledger) note(ctx context.Context, pipe redis.Pipeliner, delivered map[int64]Delivery, failures []any) {
	if len(delivered) > 0 {
		pairs, ids := make([]any, 0, 2*len(delivered)), make([]int64, 0, len(delivered))
		for id, d := range delivered {
			pairs = append(pairs, strconv.FormatInt(id, 10), d.format())
			ids = append(ids, id)
		}
		pipe.HSet(ctx, l.deliveries(), pairs...)
		pipe.HDel(ctx, l.failures(), fields(ids)...)
		l.markPlaceholders(ctx, pipe, delivered)
	}
	if len(failures) > 0 {
		pipe.HSet(ctx, l.failures(), failures...)
	}
}

// Forget removes deliveries, failures and placeholders from before a time. Most of them belong to
// deleted tenants. It works in short steps.
func (l *Ledger) Forget(ctx context.Context, before time.Time) error {
	err := l.forget(ctx, l.deliveries(), func(_, value string) bool { return parseDelivery(value).At.Before(before) })
	if err != nil {
		return fmt.Errorf("forget old deliveries: %w", err)
	}
	err = l.forget(ctx, l.failures(), func(field, value string) bool {
		_, err := strconv.ParseInt(field, 10, 64)
		return err == nil && parseFailure(value).Last.Before(before)
	})
	if err != nil {
		return fmt.Errorf("forget old failures: %w", err)
	}
	err = l.forget(ctx, l.placeholders(), func(_, value string) bool { return parseTime(value).Before(before) })
	if err != nil {
		return fmt.Errorf("forget old placeholders: %w", err)
	}
	return nil
}

// ForgetAll removes everything, whoever wrote it. The ledger is another Porta's, whose
// tenants have the same ids.
func (l *Ledger) ForgetAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	names := []string{l.processes()}
	for _, k := range l.keys() {
		names = append(names, k.name)
	}
	if err := l.client.Unlink(ctx, names...).Err(); err != nil {
		return fmt.Errorf("forget the ledger: %w", err)
	}
	return nil
}

// forget removes the old fields of a hash.
func (l *Ledger) forget(ctx context.Context, key string, old func(field, value string) bool) error {
	return l.scan(ctx, key, func(ctx context.Context, pairs []string) error {
		var fields []string
		for i := 0; i+1 < len(pairs); i += 2 {
			if old(pairs[i], pairs[i+1]) {
				fields = append(fields, pairs[i])
			}
		}
		if len(fields) == 0 {
			return nil
		}
		return l.client.HDel(ctx, key, fields...).Err()
	})
}
