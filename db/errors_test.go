package db_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/token-scheduler/token-scheduler/db"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		number uint16
		kinds  string // of definite, read-only, timed out and too large
		advice string // a word of it
	}{
		{1040, "", "max_connections"},
		{1044, "definite", "grant"},
		{1045, "definite", "TLS"},
		{1047, "read-only", "quorum"},
		{1049, "definite", "DATABASE_URL"},
		{1142, "definite", "grant"},
		{1153, "too large", "max_allowed_packet"},
		{1175, "definite", "sql_safe_updates"},
		{1205, "timed out", "innodb_trx"},
		{1226, "", "limit"},
		{1290, "read-only", "primary"},
		{1665, "definite", "binlog_format"},
		{1792, "read-only", "primary"},
		{1820, "definite", "password has expired"},
		{1836, "read-only", "primary"},
		{1969, "timed out", "too long"},
		{3024, "timed out", "too long"},
		{3159, "definite", "TLS"},
		{4151, "definite", "UNLOCK"},
		{1213, "", "innodb_trx"},
		{9999, "", ""},
	} {
		err := fmt.Errorf("insert: %w", &mysql.MySQLError{Number: c.number, Message: "x"})
		var kinds []string
		for kind, is := range map[string]bool{
			"definite": db.Definite(err), "read-only": db.ReadOnly(err), "timed out": db.TimedOut(err), "too large": db.TooLarge(err),
		} {
			if is {
				kinds = append(kinds, kind)
			}
		}
		if strings.Join(kinds, ", ") != c.kinds {
			t.Errorf("%d is %v, want %q", c.number, kinds, c.kinds)
		}
		if got := db.Advice(err); !strings.Contains(got, c.advice) || (c.advice == "") != (got == "") {
			t.Errorf("%d: advice %q, want one with %q", c.number, got, c.advice)
		}
	}
	for err, want := range map[error]string{
		nil: "", context.Canceled: "", io.EOF: "TLS", mysql.ErrNoTLS: "TLS", db.ErrNoMaster: "Porta's own", db.ErrClockStepped: "NTP",
		db.ErrFenced: "other scheduler",
	} {
		if got := db.Advice(err); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%v: advice %q, want one with %q", err, got, want)
		}
	}
}
