package form_test

import (
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// stored is a form around a configuration.
type stored struct {
	Who           string             `json:"who"`
	Configuration form.Configuration `json:"configuration"`
	Last          []string           `json:"last,omitempty"`
}

func wantSameText(t interface {
	Helper()
	Fatalf(string, ...any)
}, who string, c mgmt.Configuration) {
	t.Helper()
	want := string(form.Encode(stored{who, form.NewConfiguration(c), []string{"x"}}))
	if got := string(form.EncodeWith(stored{Who: who, Last: []string{"x"}}, "configuration", c)); got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAConfigurationIsWrittenAsEncodeWritesIt(t *testing.T) {
	wantSameText(t, "u", full)
	wantSameText(t, `"configuration":{"id":""}`, full)
	wantSameText(t, "", mgmt.Configuration{})
	wantSameText(t, "", mgmt.Configuration{Instances: []mgmt.Instance{}, Nodes: []mgmt.Node{}})
	rapid.Check(t, func(t *rapid.T) { wantSameText(t, "who", drawConfiguration(t)) })
}

// drawConfiguration returns a configuration of any strings in any fields.
func drawConfiguration(t *rapid.T) mgmt.Configuration {
	text := rapid.OneOf(rapid.SampledFrom([]string{"", "a", "a/b <c>&\"\\\n\x7f\u2028", "\xff"}), rapid.String())
	word := func(name string) string { return text.Draw(t, name) }
	some := func(name string) bool { return rapid.Bool().Draw(t, name) }
	var c mgmt.Configuration
	c.ID = word("id")
	if some("instance") {
		in := mgmt.Instance{Name: mgmt.InstanceName(word("instance"))}
		if some("host") {
			in.Host = rapid.SampledFrom([]netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fe80::1%a<b"), netip.MustParseAddr("::ffff:1.2.3.4")}).Draw(t, "host")
		}
		c.Instances = append(c.Instances, in, mgmt.Instance{ListenPort: &mgmt.Port{Number: 65535, Proto: mgmt.Proto(word("proto"))}})
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "nodes") {
		n := full.Nodes[rapid.IntRange(0, 2).Draw(t, "like")].Clone()
		n.Name, n.Instance = mgmt.NodeName(fmt.Sprint(word("name"), i)), mgmt.InstanceName(word("of"))
		n.Role, n.State, n.Backend = mgmt.ClusterRole(word("role")), mgmt.State(word("state")), mgmt.Backend(word("backend"))
		if some("env") {
			n.Env = map[string]string{word("key"): word("value"), word("other key"): word("value")}
		}
		if some("scripts") {
			n.Scripts = []string{word("script"), word("script")}
		}
		if some("options") {
			n.Options = []mgmt.Option{{Name: word("option"), Value: word("value")}}
		}
		c.Nodes = append(c.Nodes, n)
	}
	return c
}

func BenchmarkEncodeWith(b *testing.B) {
	var c mgmt.Configuration
	for i := range 1000 {
		c.Nodes = append(c.Nodes, mgmt.Node{Name: mgmt.NodeName(fmt.Sprint("worker-", i)), Instance: "i", Role: mgmt.Worker, State: mgmt.Running,
			Env: map[string]string{"A": "b"}, MetricsPort: new(mgmt.TCPPort(9000))})
	}
	b.Run("Encode", func(b *testing.B) {
		for b.Loop() {
			form.Encode(stored{"u", form.NewConfiguration(c), nil})
		}
	})
	b.Run("EncodeWith", func(b *testing.B) {
		for b.Loop() {
			form.EncodeWith(stored{Who: "u"}, "configuration", c)
		}
	})
}
