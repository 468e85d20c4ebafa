package config

import (
	"errors"
	"strings"

	"github.com/token-scheduler/token-scheduler/gateway"
)

// checkGateway checks what the gateway needs. --status and --healthcheck serve none.
func (f Flags) checkGateway(p *Problems, cfg *Config) {
	cfg.Listen.Gateway = f.GatewayListen
	if f.GatewayListen == "" || f.Status || f.Healthcheck {
		return
	}
	const setting = "--gateway-listen (GATEWAY_LISTEN_ADDRESS)"
	p.address(setting, f.GatewayListen)
	var missing []string
	if f.PortaEndpoint == "" {
		missing = append(missing, "--porta-endpoint (PORTA_ENDPOINT)")
	}
	if f.ZyncAuthenticationToken == "" {
		missing = append(missing, "--zync-authentication-token (ZYNC_AUTHENTICATION_TOKEN)")
	}
	if len(missing) > 0 {
		p.add(setting, errors.New("needs "+strings.Join(missing, " and ")))
		return
	}
	if err := gateway.Usable(f.PortaEndpoint, f.TenantEndpoint); err != nil {
		p.add(setting, err)
	}
}
