package ledger

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Withheld says why no placeholder may be pushed. It is a label value, too.
type Withheld string

// The reasons.
const (
	// Allowed is no reason: a gateway carries Zync's requests.
	Allowed Withheld = ""
	// NoGateway means that no gateway is alive.
	NoGateway Withheld = "no_gateway"
	// NoRequest means that no gateway that is alive has carried one of Zync's requests within
	// the last day.
	NoRequest Withheld = "no_request"
	// NotKnown means that Redis, which knows the gateways, does not answer.
	NotKnown Withheld = "not_known"
)

// Words says it to an operator.
func (w Withheld) Words() string {
	switch w {
	case NoGateway:
		return "no gateway is alive"
	case NoRequest:
		return "no live gateway has carried a request from Zync in the last 24 hours"
	case NotKnown:
		return "Redis does not say whether a gateway is alive"
	default:
		return ""
	}
}

// Withhold says why no placeholder may be pushed while these gateways are known. err is
// that of [Ledger.Gateways].
func Withhold(gateways []Gateway, err error, now time.Time) Withheld {
	if err != nil {
		return NotKnown
	}
	why := NoGateway
	for _, g := range gateways {
		switch {
		case g.Carries(now):
			return Allowed
		case g.Alive(now):
			why = NoRequest
		}
	}
	return why
}

// placeholders is a hash: the tenants for which Zync may hold a placeholder, and when it
// was last pushed.
func (l *Ledger) placeholders() string { return l.prefix + "placeholders" }

// AnnouncePlaceholders notes that placeholders are about to be pushed for tenants. After
// a crash between that and the push, the ledger knows of one too many, and never of one
// too few.
func (l *Ledger) AnnouncePlaceholders(ctx context.Context, ids []int64, now time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	pairs := make([]any, 0, 2*len(ids))
	for _, id := range ids {
		pairs = append(pairs, strconv.FormatInt(id, 10), formatTime(now))
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := l.on(ctx, hashType, func() error { return l.client.HSet(ctx, l.placeholders(), pairs...).Err() }, l.placeholders())
	if err != nil {
		return fmt.Errorf("announce placeholders: %w", err)
	}
	return nil
}

// markPlaceholders queues the commands of [Ledger.Record] for placeholders.
func (l *Ledger) markPlaceholders(ctx context.Context, pipe redis.Pipeliner, delivered map[int64]Delivery) {
	var pairs []any
	var tokens []int64
	for id, d := range delivered {
		if d.Placeholder.IsZero() {
			tokens = append(tokens, id)
			continue
		}
		pairs = append(pairs, strconv.FormatInt(id, 10), formatTime(d.Placeholder))
	}
	if len(pairs) > 0 {
		pipe.HSet(ctx, l.placeholders(), pairs...)
	}
	if len(tokens) > 0 {
		pipe.HDel(ctx, l.placeholders(), fields(tokens)...)
	}
}

// PlaceholdersOf returns when a placeholder was pushed that Zync may hold, in the order
// of ids. It is zero for a tenant whose token Zync holds.
func (l *Ledger) PlaceholdersOf(ctx context.Context, ids []int64) ([]time.Time, error) {
	values, err := l.hmget(ctx, l.placeholders(), ids)
	if err != nil {
		return nil, fmt.Errorf("read placeholders: %w", err)
	}
	times := make([]time.Time, len(ids))
	for i, value := range values {
		if text, ok := value.(string); ok {
			times[i] = parseTime(text)
		}
	}
	return times, nil
}

// CountPlaceholders returns for how many tenants Zync may hold a placeholder.
func (l *Ledger) CountPlaceholders(ctx context.Context) (int, error) {
	n, err := read(ctx, l, hashType, l.placeholders(), func(ctx context.Context) (int64, error) {
		return l.client.HLen(ctx, l.placeholders()).Result()
	})
	if err != nil {
		return 0, fmt.Errorf("count placeholders: %w", err)
	}
	return int(n), nil
}

// SomePlaceholders returns some of the tenants for which Zync may hold a placeholder: up
// to n of them, drawn at random.
func (l *Ledger) SomePlaceholders(ctx context.Context, n int) ([]int64, error) {
	names, err := read(ctx, l, hashType, l.placeholders(), func(ctx context.Context) ([]string, error) {
		return l.client.HRandField(ctx, l.placeholders(), n).Result()
	})
	if err != nil {
		return nil, fmt.Errorf("read placeholders: %w", err)
	}
	ids := make([]int64, 0, len(names))
	for _, name := range names {
		if id, err := strconv.ParseInt(name, 10, 64); err == nil {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// ForgetPlaceholders removes tenants that no longer exist.
func (l *Ledger) ForgetPlaceholders(ctx context.Context, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := l.client.HDel(ctx, l.placeholders(), fields(ids)...).Err(); err != nil {
		return fmt.Errorf("forget placeholders: %w", err)
	}
	return nil
}
