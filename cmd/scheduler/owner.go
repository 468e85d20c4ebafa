package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// ownTimeout is how long MySQL may take to say which Porta this is. The daemon's
	// loop waits for it.
	ownTimeout = 3 * time.Second
	// lookTimeout is the same for a page.
	lookTimeout = time.Second
)

// owner tells whether leases and ledger belong to the Porta that this program works for.
// It is safe for concurrent use.
type owner struct {
	name   string // of the installation
	prefix string // of its keys
	client redis.UniversalClient
	mysql  *sqlx.DB // nil if Porta's database can't be asked
	log    *slog.Logger
	looks  bool // it writes nothing

	mu     sync.Mutex
	known  db.Porta // as MySQL last said
	former []string // its fingerprints before its master's host was changed
}

func newOwner(cfg config.Config, client redis.UniversalClient, mysql *sqlx.DB, log *slog.Logger) *owner {
	return &owner{name: cfg.Name, prefix: cfg.KeyPrefix(), client: client, mysql: mysql, log: log, looks: cfg.ByHand.DryRun}
}

// check returns a [tasks.ErrOtherPorta] if the keys belong to another Porta, and a
// [tasks.ErrPortaUnknown] if MySQL has never told which Porta this is. Any other error is
// Redis's. If the fingerprint beside the keys is lost, check writes it.
func (o *owner) check(ctx context.Context) error {
	mine, err := o.mine(ctx)
	if err != nil {
		return err
	}
	read := locks.Recorded
	if !o.looks {
		read = func(ctx context.Context, client redis.Cmdable, prefix string) (string, error) {
			return locks.Fingerprint(ctx, client, prefix, mine)
		}
	}
	theirs, err := usable(read(ctx, o.client, o.prefix))
	if err == nil && theirs == "" && !o.looks {
		o.log.Warn("another program has written to the key that says which Porta the ledger belongs to; it is written anew")
		err = locks.Adopt(ctx, o.client, o.prefix, mine)
	}
	if err == nil && !o.looks && o.was(theirs) {
		o.log.Warn("the host of Porta's master account was changed; leases and ledger still belong to this Porta", "porta", mine, "before", theirs)
		err = locks.Adopt(ctx, o.client, o.prefix, mine)
	}
	if err != nil {
		return err
	}
	return o.compare(mine, theirs)
}

// look returns the fingerprint beside the keys, also with a [tasks.ErrOtherPorta]. It
// writes nothing. If MySQL has never told which Porta this is, it compares nothing and
// returns a [tasks.ErrPortaUnknown].
func (o *owner) look(ctx context.Context) (theirs string, err error) {
	theirs, err = usable(locks.Recorded(ctx, o.client, o.prefix))
	if err != nil || o.mysql == nil {
		return theirs, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	mine, err := o.mine(ctx)
	if err != nil {
		return theirs, err
	}
	return theirs, o.compare(mine, theirs)
}

func (o *owner) compare(mine, theirs string) error {
	if theirs == "" || theirs == mine || o.was(theirs) {
		return nil
	}
	return fmt.Errorf("%w: the name %q (SCHEDULER_NAME) is that of %s, and this Porta is %s; give one of the two schedulers another name; if this Porta was renamed or restored elsewhere, run scheduler --take-over",
		tasks.ErrOtherPorta, o.name, theirs, mine)
}

// was tells whether a fingerprint is a former one of this program's Porta. Only a process
// that worked for it before can know that. To others it is another Porta.
func (o *owner) was(theirs string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Contains(o.former, theirs)
}

// mine returns the fingerprint of this program's Porta. While MySQL does not answer, it
// is the last one known.
func (o *owner) mine(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, ownTimeout)
	defer cancel()
	porta, err := db.WhichPorta(ctx, o.mysql)
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil:
		if porta.RenamedFrom(o.known) {
			o.former = append(o.former, o.known.Fingerprint)
		}
		o.known = porta
		o.former = slices.DeleteFunc(o.former, func(old string) bool { return old == porta.Fingerprint })
	case o.known == db.Porta{} || errors.Is(err, db.ErrNoMaster):
		return "", advise(fmt.Errorf("%w: %w", tasks.ErrPortaUnknown, err))
	}
	return o.known.Fingerprint, nil
}

// usable returns "" for a value that is not a fingerprint: another program has written it.
func usable(theirs string, err error) (string, error) {
	var wrong *locks.Error
	switch {
	case errors.As(err, &wrong) && wrong.Kind == locks.WrongType:
		return "", nil
	case err != nil:
		return "", err
	case !db.IsFingerprint(theirs):
		return "", nil
	}
	return theirs, nil
}
