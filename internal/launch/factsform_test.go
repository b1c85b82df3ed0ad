package launch_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// facts has a value in every field.
var facts = launch.Facts{
	Program: "/opt/zeek/bin/zeek", Version: "8.2.2", Dir: "/var/lib/zeekfleet/nodes/worker", StatusFile: ".status",
	WebSocketPort: 34087, Secret: "e48b", Generated: "d717", KeepsLogs: true, LogSuffix: "worker", Zone: "TZ=UTC",
	SocketTLS: launch.SocketTLS{Server: "server", Certificate: "certificate", Key: "key"},
	ZeroMQ: launch.ZeroMQ{XPub: 21000, XSub: 21001, Curve: zeek.CurveKeys{
		Server: zeek.KeyPair{Public: "a", Secret: "b"}, Client: zeek.KeyPair{Public: "c", Secret: "d"},
	}},
	Broker: launch.Broker{
		Peers: launch.BrokerOwn, TLS: brokerTLS, Files: zeek.BrokerTLS{CertFile: "/c", KeyFile: "/k", CAFile: "/a", AgentCAFile: "/b"},
	},
}

var brokerTLS = launch.BrokerTLS{Authority: "authority", Certificate: "certificate", Key: "key", AgentCertificate: "agent", AgentKey: "agent key"}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// If the content of this file changes, it is a new form.
func TestFactsAreWrittenInForm2(t *testing.T) {
	want := read(t, "testdata/launch-2.json")
	if got := launch.EncodeFacts(7, facts); !bytes.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if number, got, err := launch.DecodeFacts(want); number != 7 || err != nil || !reflect.DeepEqual(got, facts) {
		t.Errorf("read: launch %d, %v (-want +got):\n%s", number, err, gocmp.Diff(facts, got))
	}
}

// If the content of this file changes, it is a new form.
func TestFactsOfALaunchWithBundlesAreWrittenInForm3(t *testing.T) {
	withBundles := facts
	withBundles.Bundles = []mgmt.Bundle{{Name: "site", Kind: mgmt.ScriptBundle, Hash: mgmt.NewBundleHash([32]byte{1})}}
	want := read(t, "testdata/launch-3.json")
	if got := launch.EncodeFacts(7, withBundles); !bytes.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if number, got, err := launch.DecodeFacts(want); number != 7 || err != nil || !reflect.DeepEqual(got, withBundles) {
		t.Errorf("read: launch %d, %v (-want +got):\n%s", number, err, gocmp.Diff(withBundles, got))
	}
}

// A node that runs since before form 2 serves in plain text, and has no keys.
func TestFactsOfForm1AreRead(t *testing.T) {
	want := facts
	want.SocketTLS, want.ZeroMQ, want.Broker = launch.SocketTLS{}, launch.ZeroMQ{}, launch.Broker{}
	if number, got, err := launch.DecodeFacts(read(t, "testdata/launch-1.json")); number != 7 || err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read: launch %d, %v (-want +got):\n%s", number, err, gocmp.Diff(want, got))
	}
	if tls, err := want.SocketTLS.Config(); tls != nil || err != nil {
		t.Errorf("TLS with %v, %v", tls, err)
	}
}

func TestFactsOfForm0AreRead(t *testing.T) {
	files, err := filepath.Glob("../../testdata/state-d751308/zeek/nodes/sensor-1/launches/*.json")
	if err != nil || len(files) != 3 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		number, f, err := launch.DecodeFacts(read(t, file))
		node := strings.TrimSuffix(filepath.Base(file), ".json")
		complete := number > 0 && f.Program != "" && f.Version == "8.2.2" && f.StatusFile == ".status" && f.WebSocketPort > 0 &&
			f.Secret.Usable() && f.Generated != "" && f.KeepsLogs && strings.HasSuffix(node, f.LogSuffix) && filepath.Base(f.Dir) == node
		if err != nil || !complete {
			t.Errorf("%s: launch %d, %+v, %v", file, number, f, err)
		}
	}
}

func TestFactsThatAreNoneOfTheirForm(t *testing.T) {
	object, _, err := durable.Unseal(launch.EncodeFacts(7, facts))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"form 2 without a checksum":         object,
		"a field that form 2 does not have": durable.Seal(bytes.Replace(object, []byte("{"), []byte(`{"colour":"blue",`), 1)),
		"a field that form 0 does not have": []byte(`{"launch":7,"facts":{"colour":"blue"}}`),
	} {
		if number, f, err := launch.DecodeFacts(text); err == nil {
			t.Errorf("%s: read %d, %+v", name, number, f)
		}
	}
}

func TestLaunchThatANewerVersionRecordedIsNamed(t *testing.T) {
	l := newLaunches(t)
	l.launch(1, "a")
	path := filepath.Join(l.dir, "launches", "worker.json")
	if err := os.WriteFile(path, []byte(`{"version":4}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := l.Recall("worker", 1)
	if _, ok := errors.AsType[*form.NewerError](err); !ok || !strings.Contains(err.Error(), path+" was written by a newer zeekfleet (form 4") {
		t.Errorf("got %v", err)
	}
}
