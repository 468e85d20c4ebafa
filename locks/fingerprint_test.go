package locks_test

import (
	"testing"

	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/tests/servers"
)

func TestFingerprint(t *testing.T) {
	t.Parallel()
	client := servers.RedisClient(t)
	ctx, prefix := t.Context(), "token-scheduler:{"+t.Name()+"}:"
	for _, c := range []struct{ mine, want string }{{"a", "a"}, {"b", "a"}, {"a", "a"}} {
		if theirs, err := locks.Fingerprint(ctx, client, prefix, c.mine); err != nil || theirs != c.want {
			t.Errorf("%s finds %q, want %q; %v", c.mine, theirs, c.want, err)
		}
	}
	must(t, locks.Adopt(ctx, client, prefix, "b"))
	if theirs, err := locks.Fingerprint(ctx, client, prefix, "a"); err != nil || theirs != "b" {
		t.Errorf("%q, %v after b has taken over", theirs, err)
	}
	must(t, client.Del(ctx, prefix+"porta").Err()) // Redis was flushed
	must(t, client.RPush(ctx, prefix+"porta", "x").Err())
	if _, err := locks.Fingerprint(ctx, client, prefix, "a"); locks.Advice(err) == "" {
		t.Errorf("a list at the key: %v", err)
	}
	must(t, locks.Adopt(ctx, client, prefix, "a"))
	if theirs, err := locks.Fingerprint(ctx, client, prefix, "b"); err != nil || theirs != "a" {
		t.Errorf("%q, %v after a has taken over", theirs, err)
	}
}
