package db

import (
	"context"
	"errors"

	"github.com/go-sql-driver/mysql"
)

// number is the server's error number, or 0 if err is not an answer of the server.
func number(err error) uint16 {
	var refusal *mysql.MySQLError
	if !errors.As(err, &refusal) {
		return 0
	}
	return refusal.Number
}

// serverSaid tells whether err is an answer of the server. After any other failure the
// connection is gone.
func serverSaid(err error) bool { return number(err) != 0 }

// Definite tells whether a retry is useless: a right, a table or a column is missing,
// or a password has expired.
func Definite(err error) bool {
	switch number(err) {
	case 1044, 1045, 1049, 1054, 1142, 1143, 1146, 1227, 1364, 1370, 1665,
		1130, 1175, 1184, 1698, 1820, 1862, 3118, 3159, 4151:
		return true
	}
	return errors.Is(err, ErrNoMaster) || errors.Is(err, mysql.ErrNoTLS)
}

// LacksRight tells whether err is the answer that this user lacks a right.
func LacksRight(err error) bool {
	switch number(err) {
	case 1044, 1142, 1143, 1227, 1370:
		return true
	}
	return false
}

// ReadOnly tells whether the server takes no writes now: it is a replica, a primary
// that was demoted, Aurora's old writer, or a Galera node without a quorum. The error
// passes when the connection reaches the new primary.
func ReadOnly(err error) bool {
	switch number(err) {
	case 1047, 1290, 1792, 1836, 1874, 3100, 3101:
		return true
	}
	return false
}

// TimedOut tells whether a statement took too long, by our clock or the server's. A
// smaller one may succeed.
func TimedOut(err error) bool {
	switch number(err) {
	case 1205, 1969, 3024:
		return true
	}
	return errors.Is(err, context.DeadlineExceeded)
}

// TooLarge tells whether a statement exceeds the server's max_allowed_packet.
func TooLarge(err error) bool {
	return number(err) == 1153 || errors.Is(err, errTooLarge)
}

// refusesRow tells whether the server refused a statement because of one row's content:
// values that do not fit, keys, checks, or a trigger's SIGNAL. Other rows may succeed.
func refusesRow(err error) bool {
	switch number(err) {
	case 1048, 1062, 1169, 1216, 1264, 1265, 1292, 1366, 1367, 1406, 1411, 1452, 1586, 1644, 1690, 3819, 4025:
		return true
	}
	return false
}
