package zeek_test

import (
	"slices"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

func TestVersionsAreReadAsZeekPrintsThem(t *testing.T) {
	for text, want := range map[string]zeek.Version{
		"8.2.2":                        {Major: 8, Minor: 2, Patch: 2},
		"zeek version 8.1.0-dev.310\n": {Major: 8, Minor: 1, Pre: "dev.310"},
		"5.0.0-rc1":                    {Major: 5, Pre: "rc1"},
		"7.0.1-debug":                  {Major: 7, Patch: 1},
		"5.1.0-dev.452-debug":          {Major: 5, Minor: 1, Pre: "dev.452"},
		"6.0":                          {Major: 6},
	} {
		if got, err := zeek.ParseVersion(text); err != nil || got != want {
			t.Errorf("ParseVersion(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "8", "8.x.1", "8.1.2.3", "8.1.2-", "8.1.2-a b", "v8.1.2", "99999999.1.1", "-8.1.1", "+8.1.1"} {
		if got, err := zeek.ParseVersion(text); err == nil {
			t.Errorf("ParseVersion(%q) = %v, want an error", text, got)
		}
	}
}

func TestVersionsAreInOrder(t *testing.T) {
	inOrder := []string{
		"4.2.9", "5.0.0-dev.9", "5.0.0-dev.10", "5.0.0-rc1", "5.0.0-rc2", "5.0.0", "5.0.1", "5.1.0-dev.1", "5.1.0", "10.0.0",
	}
	for i, a := range inOrder {
		for j, b := range inOrder {
			got, want := version(t, a).Compare(version(t, b)), min(max(i-j, -1), 1)
			if got != want {
				t.Errorf("Compare(%s, %s) = %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestDevelopmentVersionCountsAsItsRelease(t *testing.T) {
	v := version(t, "8.1.0-dev.310")
	if !v.AtLeast(8, 1) || !v.AtLeast(7, 9) || v.AtLeast(8, 2) || v.AtLeast(9, 0) {
		t.Errorf("AtLeast misjudges %s", v)
	}
	if got := v.String(); got != "8.1.0-dev.310" {
		t.Errorf("String() = %q", got)
	}
}

func TestDefaultsFollowTheVersion(t *testing.T) {
	webSocket := []string{"8.1.0-dev.1", "8.2.2", "9.0.0", "10.0.0"}
	for _, v := range append([]string{"5.0.0", "7.2.0", "8.0.4"}, webSocket...) {
		want := zeek.AgentBroker
		if slices.Contains(webSocket, v) {
			want = zeek.AgentWebSocket
		}
		if got := zeek.DefaultAgentProtocol(version(t, v)); got != want {
			t.Errorf("DefaultAgentProtocol(%s) = %s, want %s", v, got, want)
		}
	}
}

func TestDefaultBackend(t *testing.T) {
	both := []zeek.Backend{zeek.Broker, zeek.ZeroMQ}
	for _, tt := range []struct {
		version string
		has     []zeek.Backend
		want    zeek.Backend
	}{
		{"5.0.0", nil, zeek.Broker},
		{"8.2.2", nil, zeek.Broker},
		{"8.2.2", both, zeek.Broker},
		{"8.2.2", []zeek.Backend{zeek.ZeroMQ}, zeek.ZeroMQ},
		{"9.0.0-rc1", both, zeek.ZeroMQ},
		{"9.0.0", []zeek.Backend{zeek.Broker}, zeek.Broker},
		{"9.0.0", []zeek.Backend{}, zeek.ZeroMQ},
		{"10.0.0", nil, zeek.ZeroMQ},
	} {
		in := zeek.Install{Version: version(t, tt.version), Backends: tt.has}
		if got := in.DefaultBackend(); got != tt.want {
			t.Errorf("DefaultBackend of %s with %v: %s, want %s", tt.version, tt.has, got, tt.want)
		}
	}
}

func FuzzParseVersion(f *testing.F) {
	for _, text := range []string{"8.2.2", "zeek version 8.1.0-dev.310", "5.0.0-rc1", "1.2-3.4"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := zeek.ParseVersion(text)
		if err != nil {
			return
		}
		if again, err := zeek.ParseVersion(v.String()); err != nil || again != v || v.Compare(again) != 0 {
			t.Errorf("%q is read as %v, which is read as %v, %v", text, v, again, err)
		}
	})
}
