package db_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
)

func TestParseURL(t *testing.T) {
	for raw, want := range map[string]string{
		"mysql2://root:@db:3306/porta":                                       "root  tcp db:3306 porta",
		"mysql2://porta:p%40ss%3Aw%2Frd%25%23@db/3scale_system?pool=5":       "porta p@ss:w/rd%# tcp db:3306 3scale_system",
		"mysql://u@[::1]:3307/d?encoding=utf8&reconnect=true":                "u  tcp [::1]:3307 d",
		"mysql2://u:p@localhost/d?socket=%2Frun%2Fmysqld%2Fmysqld.sock":      "u p unix /run/mysqld/mysqld.sock d",
		"mysql2://u:p@system-mysql/system?prepared_statements=false&sslca=x": "u p tcp system-mysql:3306 system",
	} {
		cfg, err := db.ParseURL(secret.New(raw))
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if got := fmt.Sprint(cfg.User, " ", cfg.Passwd, " ", cfg.Net, " ", cfg.Addr, " ", cfg.DBName); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	for raw, want := range map[string]string{
		"":                                    "scheme",
		"postgresql://u:secret@db/d":          "PostgreSQL",
		"oracle-enhanced://u:secret@db":       "Oracle",
		"redis://u:secret@db":                 "scheme",
		"mysql2://u:secret@db":                "no database",
		"mysql2://u:secret@db/a/b":            "no database",
		"mysql2://u:secret@/d":                "no host",
		"mysql2://db/d":                       "no user",
		"mysql2://u:sec%ret@db/d":             "percent-encoded",
		"mysql2://u:secret#@db/d":             "percent-encoded",
		"mysql2://u:sec/ret@db/d":             "percent-encoded",
		"mysql2://u:secret@db:0/d":            "port",
		"mysql2://u:secret@db:33o6/d":         "port",
		"mysql2://u:secret@db:99999/d":        "port",
		"mysql2:u:secret@db/d":                "no database",
		"mysql2://u:secret@db/d\n":            "ends in a line break",
		"mysql2://u:sec\nret@db/d":            "line break",
		"mysql2://u:secret@db/d\t":            "blank",
		`"mysql2://u:secret@db/d"`:            "in quotes",
		"mysql2://u:secret@db/d?timeout=5":    "unknown parameter timeout",
		"mysql2://u:secret@db/d?sslMode=x":    "unknown parameter sslMode",
		"mysql2://u:secret@db/d?x\x1b%5Bm=x":  "control character",
		"mysql2://u:secret@db/d?sslcipher=x":  "sslcipher is not supported",
		"mysql2://u:secret@db/d?tls=1;pool=5": "parameters",
		"mysql2://u:secret@db/d?tls=1&tls=2":  "tls is given twice",
	} {
		cfg, err := db.ParseURL(secret.New(raw))
		if err == nil {
			t.Errorf("%s was taken: %s", raw, cfg.FormatDSN())
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sec") {
			t.Errorf("%s: error %q, want one about %s that quotes no password", raw, err, want)
		}
	}
}

// FuzzParseURL: whatever the text, there is a usable configuration or an error
// that does not give the password away.
func FuzzParseURL(f *testing.F) {
	f.Add("mysql2://u:%s@db:3306/porta?pool=5", "p%40ss")
	f.Add("mysql://u:%s@[::1]/d", "#é?&")
	f.Fuzz(func(t *testing.T, format, password string) {
		cfg, err := db.ParseURL(secret.New(strings.Replace(format, "%s", password, 1)))
		if err == nil && (cfg.DBName == "" || cfg.Addr == "" || cfg.User == "") {
			t.Errorf("an incomplete configuration: %+v", cfg)
		}
		if err != nil && len(password) > 8 && !strings.Contains(format, password) && strings.Contains(err.Error(), password) {
			t.Errorf("the error holds the password: %v", err)
		}
	})
}
