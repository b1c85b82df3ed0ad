package zeek_test

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// encrypted returns a deployment that encrypts with keys.
func encrypted(t testing.TB, keys zeek.CurveKeys) zeek.Deployment {
	d := deployment(t, "8.2.2", twoHosts(), "worker-1")
	d.Backend = zeek.ZeroMQ
	d.Site.ZeroMQ.Curve = &keys
	return d
}

func TestCurveKeysOfLibzmqsDocumentationAreAccepted(t *testing.T) {
	if _, err := encrypted(t, documentedKeys).Generate(); err != nil {
		t.Errorf("the keys of libzmq's documentation are refused: %v", err)
	}
}

func TestNewCurveKeysAreAccepted(t *testing.T) {
	keys, err := zeek.NewCurveKeys(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{keys.Server.Public, keys.Server.Secret, keys.Client.Public, keys.Client.Secret} {
		if len(key) != 40 {
			t.Errorf("a key has %d characters, want 40", len(key))
		}
	}
	if keys.Server == keys.Client {
		t.Error("server and client have the same keys")
	}
	if _, err := encrypted(t, keys).Generate(); err != nil {
		t.Errorf("new keys are refused: %v", err)
	}
}

func TestEqualRandomBytesMakeEqualCurveKeys(t *testing.T) {
	seed := bytes.Repeat([]byte("0123456789abcdef"), 4)
	a, errA := zeek.NewCurveKeys(bytes.NewReader(seed))
	b, errB := zeek.NewCurveKeys(bytes.NewReader(seed))
	if errA != nil || errB != nil || a != b {
		t.Errorf("two runs differ, or failed: %v, %v", errA, errB)
	}
	if _, err := zeek.NewCurveKeys(bytes.NewReader(seed[:63])); err == nil {
		t.Error("63 bytes are enough for keys")
	}
}

func TestBadCurveKeysAreRefusedAndNotShown(t *testing.T) {
	for name, secret := range map[string]string{
		"a length that is not in groups":   documentedKeys.Server.Secret[:39],
		"too few groups":                   documentedKeys.Server.Secret[:35],
		"too many groups":                  documentedKeys.Server.Secret + "00000",
		"a character that Z85 lacks":       `"` + documentedKeys.Server.Secret[1:],
		"a group beyond 32 bits":           "#####" + documentedKeys.Server.Secret[5:],
		"the secret of somebody else":      documentedKeys.Client.Secret,
		"a group just beyond 32 bits":      "%nSc1" + documentedKeys.Server.Secret[5:],
		"a group of 32 bits, of other key": "%nSc0" + documentedKeys.Server.Secret[5:],
	} {
		t.Run(name, func(t *testing.T) {
			keys := documentedKeys
			keys.Server.Secret = secret
			_, err := encrypted(t, keys).Generate()
			if err == nil || !strings.Contains(err.Error(), "the CURVE keys of the server") {
				t.Fatalf("got error %v", err)
			}
			if strings.Contains(err.Error(), secret[5:30]) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

func TestOnlyNodesThatNeedCurveKeysGetThem(t *testing.T) {
	const prefix = "ZEEK_CLUSTER_BACKEND_ZEROMQ_CURVE_"
	count := func(d zeek.Deployment, name string) (keys, secrets int) {
		for _, kv := range command(t, d).Env {
			if strings.HasPrefix(kv, prefix) {
				keys++
			}
			if strings.HasPrefix(kv, prefix+"SERVER_SECRETKEY=") {
				secrets++
			}
		}
		return keys, secrets
	}
	d := encrypted(t, documentedKeys)
	for node, want := range map[string][2]int{"manager": {4, 1}, "logger-1": {4, 1}, "proxy-1": {3, 0}, "worker-1": {3, 0}} {
		d := d
		d.Plan = deployment(t, "8.2.2", twoHosts(), mgmt.NodeName(node)).Plan
		if keys, secrets := count(d, node); keys != want[0] || secrets != want[1] {
			t.Errorf("%s has %d keys, %d of them the server's secret; want %v", node, keys, secrets, want)
		}
		for _, f := range generate(t, d).Files {
			if strings.Contains(f.Content, documentedKeys.Client.Secret) {
				t.Errorf("%s has a secret key", f.Name)
			}
		}
	}
	d.Plan = deployment(t, "8.2.2", oneHost(), "manager").Plan
	if keys, _ := count(d, "manager"); keys != 4 {
		t.Errorf("the manager of a cluster on one host has %d keys", keys)
	}
	d.Install.Version = version(t, "8.1.4")
	if keys, _ := count(d, "manager"); keys != 0 {
		t.Errorf("Zeek 8.1 gets %d keys", keys)
	}
}
