package settings_test

import (
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

func TestWhereAnAgentServesMetrics(t *testing.T) {
	for text, want := range map[string]string{"": "", "9100": "127.0.0.1:9100", "0.0.0.0:9100": "0.0.0.0:9100", "[::1]:9100": "[::1]:9100"} {
		a, _, err := settings.ResolveAgent(sources(t, given{env: map[string]string{"ZEEKFLEET_AGENT_METRICS_LISTEN": text}}, app.Defaults().AddAgentFlags))
		got := ""
		if a.MetricsListen.Addr.IsValid() {
			got = a.MetricsListen.AddrPort().String()
		}
		if err != nil || got != want {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"x", "sensor:9100", "70000", "127.0.0.1"} {
		if _, _, err := settings.ResolveAgent(sources(t, given{env: map[string]string{"ZEEKFLEET_AGENT_METRICS_LISTEN": text}}, app.Defaults().AddAgentFlags)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
