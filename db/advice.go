package db

import (
	"cmp"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// Advice says in one sentence what to do about an error of this package. It is empty if
// the error itself says all that is known.
func Advice(err error) string {
	if err == nil || number(err) != 0 {
		return AdviceOnAnswer(err)
	}
	return cmp.Or(AdviceOnAnswer(err), adviceOnNetwork(err))
}

// AdviceOnAnswer is as [Advice], for errors that can be of another server than MySQL. It
// is empty for those of the network.
func AdviceOnAnswer(err error) string {
	switch {
	case number(err) != 0:
		return adviceOn(number(err), err)
	case errors.Is(err, ErrFenced):
		return "wait for the other scheduler, or stop it; two must not work on one database"
	case errors.Is(err, ErrClockStepped):
		return "synchronise the clocks of MySQL's server and of this one by NTP"
	case errors.Is(err, ErrNoMaster):
		return "name Porta's own database in DATABASE_URL"
	case errors.Is(err, mysql.ErrNoTLS):
		return "the server offers no TLS: configure TLS there, or set DATABASE_SSL_MODE=disabled"
	}
	return ""
}

func adviceOnNetwork(err error) string {
	var network *net.OpError
	switch {
	case strings.Contains(err.Error(), "x509:"), strings.Contains(err.Error(), "tls:"):
		return "check DATABASE_SSL_CA, DATABASE_SSL_CERT and the host in DATABASE_URL against the server's certificate"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, driver.ErrBadConn), errors.Is(err, mysql.ErrInvalidConn),
		errors.Is(err, mysql.ErrMalformPkt), errors.Is(err, mysql.ErrPktSync):
		return "the server or a proxy closed the connection: it may require TLS (DATABASE_SSL_MODE=required), or it is not MySQL"
	case errors.As(err, &network):
		return "check that MySQL is up and that host and port in DATABASE_URL can be reached from here"
	}
	return ""
}

// adviceOn is a table, by the server's error number.
func adviceOn(number uint16, err error) string {
	switch number {
	case 1040:
		return "MySQL has no connection left: raise max_connections, or end connections that nobody uses"
	case 1044, 1142, 1143, 1227, 1370:
		return "grant this user the rights that the README lists"
	case 1045, 1698:
		return "check user and password; if the server requires TLS from this user, set DATABASE_SSL_MODE=required, and DATABASE_SSL_CERT if it requires a certificate"
	case 1047:
		return "this Galera node has no quorum or is not ready: connect to one that is, or restore the cluster"
	case 1049, 1054, 1146:
		return "name Porta's own database in DATABASE_URL, with its migrations done"
	case 1105:
		if strings.Contains(err.Error(), "GET_LOCK") {
			return "set pxc_strict_mode=PERMISSIVE: this cluster forbids GET_LOCK"
		}
	case 1129, 1130:
		return "allow this host to connect; FLUSH HOSTS unblocks one with too many errors"
	case 1153:
		return "raise max_allowed_packet on the server or on the proxy before it"
	case 1175:
		return "something sets sql_safe_updates in our sessions: exempt the scheduler's user"
	case 1184:
		return "MySQL closes connections whose init_connect fails: correct init_connect, or grant what it needs"
	case 1205, 1213:
		return "other transactions hold the rows: look for long ones in information_schema.innodb_trx"
	case 1021, 1114:
		return "MySQL's disk is full: make room"
	case 1226:
		return "raise this user's limit (MAX_USER_CONNECTIONS, MAX_QUERIES_PER_HOUR, MAX_UPDATES_PER_HOUR): ALTER USER … WITH …"
	case 1203:
		return "raise this user's limit of connections: the scheduler needs 2 or more"
	}
	return rarerAdvice(number)
}

func rarerAdvice(number uint16) string {
	switch number {
	case 1290, 1792, 1836, 1874:
		return "the server takes no writes: name the primary in DATABASE_URL; after a failover, wait for it or let the name point to it"
	case 1364:
		return "Porta's table requires a column that the scheduler does not know: update the scheduler"
	case 1644:
		return "a trigger on access_tokens refuses the row: find out who made the trigger"
	case 1665:
		return "set binlog_format to ROW or MIXED"
	case 1820, 1862:
		return "the user's password has expired: set a new one (ALTER USER … IDENTIFIED BY …), or PASSWORD EXPIRE NEVER"
	case 1969, 3024:
		return "MySQL ended a statement that took too long: look for load, locks or a replica that delays commits"
	case 3100, 3101:
		return "group replication refused the transaction: look at performance_schema.replication_group_members"
	case 3118, 4151:
		return "the account is locked: ALTER USER … ACCOUNT UNLOCK"
	case 3159:
		return "the server requires TLS: set DATABASE_SSL_MODE=required, or DATABASE_SSL_CA"
	}
	return ""
}
