package hosttest_test

import (
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/hosttest"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
)

// Two hosts have systemds and files of their own, and reach each other.
func TestHosts(t *testing.T) {
	roottest.Need(t, "makes namespaces")
	lan := hosttest.NewNetwork(t)
	one, other := hosttest.Boot(t, "one"), hosttest.Boot(t, "other")
	lan.Connect(one, "192.0.2.1/24")
	lan.Connect(other, "192.0.2.2/24")
	one.Write("/etc/systemd/system/told.service", 0o644, []byte("[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'hostname >/etc/told; echo it has run'\n"))
	one.Run("systemctl daemon-reload && systemctl start told")
	if got := one.Run("cat /etc/told"); got != "one\n" {
		t.Errorf("the service wrote %q", got)
	}
	if got := one.Run("journalctl --unit=told --output=cat"); !strings.Contains(got, "it has run\n") {
		t.Errorf("the journal has %q", got)
	}
	for _, h := range []*hosttest.Host{one, other} {
		h.Run("systemd-run --quiet --unit=same sleep infinity && systemctl is-active same")
	}
	one.Run("systemctl stop same")
	other.Run("systemctl is-active same")
	if out, err := other.Try("cat /etc/told"); err == nil {
		t.Errorf("another host has the file: %q", out)
	}
	one.Run("timeout 10 bash -c 'echo hello >/tmp/said; exec 3<>/dev/tcp/192.0.2.2/1' 2>&1 | grep -q 'Connection refused'")
}
