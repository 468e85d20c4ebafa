package locks

import (
	"errors"
	"strings"
)

// Kind is a kind of failure of Redis, or of the network.
type Kind string

// The kinds. Most have the name of Redis's error code.
const (
	Other          Kind = "other"
	Misconf        Kind = "MISCONF"
	OOM            Kind = "OOM"
	NoReplicas     Kind = "NOREPLICAS"
	Moved          Kind = "MOVED"
	ClusterDown    Kind = "CLUSTERDOWN"
	CrossSlot      Kind = "CROSSSLOT"
	NoPerm         Kind = "NOPERM"
	ReadOnly       Kind = "READONLY"
	Loading        Kind = "LOADING"
	Busy           Kind = "BUSY"
	WrongType      Kind = "WRONGTYPE"
	NoAuth         Kind = "NOAUTH"
	WrongPass      Kind = "WRONGPASS"
	NoPassword     Kind = "no password set"
	UnknownCommand Kind = "unknown command"
	NoDatabase     Kind = "no such database"
	TooManyClients Kind = "too many clients"
	UnknownMaster  Kind = "unknown master"
	Authority      Kind = "unknown authority"
	ServerName     Kind = "another name in the certificate"
	Expired        Kind = "expired certificate"
	ClientCert     Kind = "client certificate"
	NotTLS         Kind = "not TLS"
	TLS            Kind = "TLS"
	NotRedis       Kind = "not Redis"
	Refused        Kind = "connection refused"
	NoHost         Kind = "no such host"
	Closed         Kind = "connection closed"
	TimedOut       Kind = "timed out"
	TimedOutTLS    Kind = "timed out, with TLS"
	Wrong          Kind = "wrong answer"
	Stuck          Kind = "not a lease"
)

// ACL is the list of rights that the program needs in Redis, as ACL SETUSER takes it.
// CLUSTER SLOTS is used only in a Cluster.
const ACL = "~token-scheduler:* +@read +@write +@scripting +@connection +cluster|slots"

// trouble is a kind, the texts that identify it, and what to do about it.
type trouble struct {
	kind   Kind
	holds  []string
	advice string
}

// troubles are in the order in which they are tried.
func troubles() []trouble {
	return []trouble{
		{Misconf, []string{"MISCONF"}, "Redis can't save to its disk and takes no writes: make room on the disk, Redis's log has the reason"},
		{OOM, []string{"OOM command"}, "Redis has used all of its memory: raise maxmemory, or remove keys"},
		{NoReplicas, []string{"NOREPLICAS"}, "Redis has fewer replicas than min-replicas-to-write requires: restore them, or require fewer"},
		{Moved, []string{"MOVED "}, "this Redis is a node of a Cluster: set --redis-cluster (REDIS_CLUSTER)"},
		{ClusterDown, []string{"CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN"}, "the Redis Cluster does not serve all slots: see CLUSTER INFO"},
		{CrossSlot, []string{"CROSSSLOT"}, "a proxy or an old Cluster ignores the hash tag, the {…} in the keys: use Redis without it"},
		{NoPerm, []string{"NOPERM", "user executing the script can't", "no permissions to"}, "give the ACL user its rights: " + ACL},
		{ReadOnly, []string{"READONLY"}, "this Redis is a replica and takes no writes: name the master, or the Sentinels that know it"},
		{Loading, []string{"LOADING"}, "Redis is starting and reads its data: wait"},
		{Busy, []string{"busy running a script"}, "a script of another program blocks Redis: see SCRIPT KILL"},
		{WrongType, []string{"WRONGTYPE"}, "another program has written to this key: remove it with DEL, or choose another --name (SCHEDULER_NAME)"},
		{WrongPass, []string{"WRONGPASS", "invalid password", "invalid username-password"}, "user or password is wrong: see REDIS_USERNAME and REDIS_PASSWORD, for Sentinels REDIS_SENTINEL_PASSWORD"},
		{NoPassword, []string{"no password is set", "without any password configured"}, "Redis has no password: take it out of REDIS_URL and REDIS_PASSWORD"},
		{NoAuth, []string{"NOAUTH", "unauthenticated"}, "Redis requires a password: set REDIS_PASSWORD, for Sentinels REDIS_SENTINEL_PASSWORD"},
		{NoDatabase, []string{"DB index", "invalid DB", "SELECT is not allowed"}, "this Redis has no such database: change the number at the end of REDIS_URL"},
		{TooManyClients, []string{"max number of clients"}, "Redis has reached its maxclients: raise it"},
		{UnknownCommand, []string{"unknown command", "unknown subcommand"}, "this server lacks a command of Redis 6.2: use Redis 6.2 or later, or Valkey, and no proxy that hides commands"},
		{ClientCert, []string{"certificate required", "tls: bad certificate", "unknown certificate"}, "the server requires another client certificate: see REDIS_CLIENT_CERT and REDIS_PRIVATE_KEY"},
		{NotTLS, []string{"does not look like a TLS handshake"}, "this port does not use TLS: use redis://, or the port with TLS"},
		{Authority, []string{"unknown authority", "failed to verify certificate: x509: certificate is not trusted", "signed by unknown"}, "the server's certificate is from an authority that is not trusted: set --redis-ca-file (REDIS_CA_FILE)"},
		{Expired, []string{"certificate has expired or is not yet valid"}, "the server's certificate has expired, or a clock is wrong"},
		{ServerName, []string{"certificate is valid for", "not valid for any names", "doesn't contain any IP SANs"}, "the server's certificate has other names than the one we connect to: use one of its names, or another certificate; a Cluster or Sentinel gives names if announce-hostnames is set"},
		{TLS, []string{"tls: ", "x509: "}, "the TLS handshake failed: the server's log has the reason"},
		{NotRedis, []string{"redis: can't parse", "invalid reply", "redis: invalid"}, "the server is not Redis: see the host and port in REDIS_URL"},
		{Refused, []string{"connection refused"}, "nothing listens there: is Redis up, are host and port right?"},
		{NoHost, []string{"no such host", "server misbehaving", "no route to host", "network is unreachable", "no such file"}, "the host is not known or not reachable: see the host in REDIS_URL"},
		{TimedOut, []string{"no answer in time", "i/o timeout", "deadline exceeded", "timed out", "pool timeout"}, "no answer in time: is Redis overloaded, does a firewall block it, does the port require TLS (rediss://)?"},
		{Closed, []string{"EOF", "connection reset", "broken pipe", "closed network connection"}, "the server closed the connection: does the port require TLS (rediss://)?"},
		{UnknownMaster, nil, "the Sentinels know another name: the host of REDIS_URL must be the master's name, as in the line sentinel monitor of the Sentinels' configuration"},
		{TimedOutTLS, nil, "no answer in time: is Redis overloaded, does a firewall block it, does the port use TLS at all?"},
		{Wrong, nil, "the server is not Redis, or a proxy changes its answers: connect to Redis itself"},
		{Stuck, nil, "wait until it has expired; if it comes back, another program writes to this key: choose another --name (SCHEDULER_NAME)"},
	}
}

func classify(text string) Kind {
	for _, t := range troubles() {
		for _, part := range t.holds {
			if strings.Contains(text, part) {
				return t.kind
			}
		}
	}
	return Other
}

// Advice says in one sentence what to do about an error of Redis. It is empty if
// nothing can be said, and for [ErrHeld], which is not a failure.
func Advice(err error) string {
	if err == nil || errors.Is(err, ErrHeld) {
		return ""
	}
	kind := classify(err.Error())
	if known, is := errors.AsType[*Error](err); is {
		kind = known.Kind
	}
	for _, t := range troubles() {
		if t.kind == kind {
			return t.advice
		}
	}
	return ""
}
