package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

// startTolerance is how far a server's start may seem to move. It is computed from two
// numbers that are in seconds and not read at the same instant.
const startTolerance = 5 * time.Second

// Identity says which server answers, and since when. After a failover or a restart it
// is another one, and the last writes may be lost.
type Identity struct {
	// Server is made of host name, port, data folder and ids. It only tells servers
	// apart.
	Server string
	// Started is by the server's own clock, and moves if that is set. It is zero if the
	// server does not say.
	Started time.Time
}

// Same tells whether two identities are one server that was not restarted and whose
// clock was not set.
func (i Identity) Same(other Identity) bool {
	return i.Server == other.Server && i.Started.Sub(other.Started).Abs() <= startTolerance
}

// whoAnswers is one statement for both servers. MySQL reads the comments that begin
// with /*!80000, MariaDB those that begin with /*M!. MariaDB has no server_uuid.
const whoAnswers = `
SELECT CONCAT_WS('|', @@hostname, @@port, @@server_id, @@datadir /*!80000 , @@server_uuid */) AS server, `

const startedAt = `UTC_TIMESTAMP() - INTERVAL (
  SELECT CAST(variable_value AS UNSIGNED) FROM /*!80000 performance_schema.global_status */ /*M! information_schema.global_status */
   WHERE variable_name = 'Uptime') SECOND AS started`

// ServerIdentity asks the server which one it is, in one statement.
func ServerIdentity(ctx context.Context, pool *sqlx.DB) (Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var row struct {
		Server  string       `db:"server"`
		Started sql.NullTime `db:"started"`
	}
	err := pool.GetContext(ctx, &row, whoAnswers+startedAt)
	if serverSaid(err) { // this user may not see the uptime
		err = pool.GetContext(ctx, &row, whoAnswers+"NULL AS started")
	}
	if err != nil {
		return Identity{}, fmt.Errorf("ask which server answers: %w", scrub(err))
	}
	return Identity{Server: row.Server, Started: row.Started.Time}, nil
}

// Porta is the Porta that a database belongs to.
type Porta struct {
	// Fingerprint is its master account's host, the database's name and a digest, for
	// example "master.example.com/system/5f0c2a9e81d3". It stays the same after a restart
	// and a failover to a replica. Another Porta has another one. A copy has another one
	// only if its master account or its database was renamed.
	Fingerprint string
	place       string // the server, the database and the master account in it
}

// RenamedFrom tells whether this is the Porta before, with another host of its master
// account: the same account of the same database on the same server.
func (p Porta) RenamedFrom(before Porta) bool {
	return p.place == before.place && p.Fingerprint != before.Fingerprint
}

// WhichPorta asks which Porta the database belongs to.
func WhichPorta(ctx context.Context, pool *sqlx.DB) (Porta, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var master struct {
		ID       int64  `db:"id"`
		Host     string `db:"host"`
		Created  string `db:"created"`
		Database string `db:"name"`
		Server   string `db:"server"`
	}
	err := pool.GetContext(ctx, &master, whoAnswers+`id, COALESCE(self_domain, '') AS host,
       COALESCE(CAST(created_at AS CHAR(19)), '') AS created,
       IF(@@lower_case_table_names = 0, DATABASE(), LOWER(DATABASE())) AS name
  FROM accounts WHERE master = 1 LIMIT 1`)
	if errors.Is(err, sql.ErrNoRows) {
		return Porta{}, ErrNoMaster
	}
	if err != nil {
		return Porta{}, fmt.Errorf("read the master account: %w", scrub(err))
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\n%s\n%s\n%s", master.ID, master.Host, master.Created, master.Database))
	return Porta{
		Fingerprint: printable(master.Host) + "/" + printable(master.Database) + "/" + hex.EncodeToString(sum[:])[:digestLength],
		place:       fmt.Sprintf("%s\n%s\n%d\n%s", master.Server, master.Database, master.ID, master.Created),
	}, nil
}

// digestLength is how many characters of its digest a fingerprint ends in.
const digestLength = 12

// IsFingerprint tells whether a text has the form of a [Porta.Fingerprint].
func IsFingerprint(text string) bool {
	parts := strings.Split(text, "/")
	return len(parts) == 3 && printable(parts[0]) == parts[0] && printable(parts[1]) == parts[1] &&
		len(parts[2]) == digestLength && strings.Trim(parts[2], "0123456789abcdef") == ""
}

// printable replaces what a log or a terminal can't show.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f && r != '/' {
			return r
		}
		return '?'
	}, text)
}
