package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/porta"
)

// shown is how many tenants the table lists.
const shown = 12

type row struct {
	ID    int64          `db:"id"`
	Host  string         `db:"self_domain"`
	State sql.NullString `db:"state"`
}

// compare prints a table of tenants, and fails if Zync has a token that Porta does not
// accept.
func (d *demo) compare(ctx context.Context, seeded *porta.Seeded) error {
	var rows []row
	err := d.porta.DB.SelectContext(ctx, &rows, `
SELECT id, self_domain, state FROM accounts WHERE provider = 1 OR master = 1 ORDER BY id`)
	if err != nil {
		return err
	}
	holds := d.zync.Holds()
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "TENANT\tHOST\tSTATE\tZYNC'S TOKEN\tPORTA")
	accepted, ownerless := 0, 0
	for i, r := range rows {
		holding, known := holds[r.ID]
		token, verdict := "none", "no admin to own a token"
		switch tenant, ok, err := d.porta.Accepts(ctx, holding.Token); {
		case err != nil:
			return err
		case known && ok && tenant == r.ID:
			token, verdict = "pushed "+time.Since(holding.At).Round(10*time.Millisecond).String()+" ago", "accepts it"
			accepted++
		case seeded.Owners[r.ID] == 0:
			ownerless++
		default:
			verdict = "DOES NOT ACCEPT IT"
		}
		if i < shown || (seeded.Owners[r.ID] == 0 && ownerless == 1) {
			_, _ = fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", r.ID, r.Host, r.State.String, token, verdict)
		}
	}
	_ = table.Flush()
	say("\n%d tenants: Zync holds a token that Porta accepts for %d; %d have no admin and were left out.",
		len(rows), accepted, ownerless)
	if accepted != len(seeded.Owners) {
		return errors.New("not every tenant is served")
	}
	return nil
}
