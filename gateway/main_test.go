package gateway

import (
	"testing"

	"github.com/token-scheduler/token-scheduler/tests/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }
