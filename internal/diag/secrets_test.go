package diag_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/diag"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestSecretsAreTakenOutOfTexts(t *testing.T) {
	var s diag.Secrets
	s.Know("the node's secret", "0123456789abcdef")
	s.KnowEnv(map[string]string{"DB": "hunter2hunter2", "SHORT": "1"})
	const z85 = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
	for in, want := range map[string]string{
		"listening on eth0, 1 core\n":                                                  "listening on eth0, 1 core\n",
		"key 0123456789abcdef is known\n":                                              "key (removed) is known\n",
		"connecting as hunter2hunter2":                                                 "connecting as (removed)",
		"a\n-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\nb":      "a\n(removed)\nb",
		"-----BEGIN PRIVATE KEY-----\nMHcC":                                            "(removed)",
		"AQEE\nMHcC\n-----END PRIVATE KEY-----\nrest":                                  "(removed)\nrest",
		"-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----":                  "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----",
		"zfa-abcdefgh-abcdefghijklmnopqrstuvwxyz failed":                               "(removed) failed",
		"join zf1-" + strings.Repeat("a", 32) + "-abcdefgh-abcdefghijklmnopqrstuvwxyz": "join (removed)",
		"Authorization: Bearer eyJhbGciOi.J9.abc":                                      "Authorization: Bearer (removed)",
		"GET https://ann:pa55@db.example/x":                                            "GET https://ann:(removed)@db.example/x",
		"password=abc, user=ann":                                                       "password=(removed), user=ann",
		`"api_key": "abc def",`:                                                        `"api_key": (removed),`,
		"Site::sensor_secret = 'x y'":                                                  "Site::sensor_secret = (removed)",
		"curve_secretkey " + z85 + "\n":                                                "curve_secretkey (removed)\n",
		"the tokenizer failed: no token":                                               "the tokenizer failed: no token",
	} {
		if got := s.Text(in); got != want {
			t.Errorf("%q:\ngot  %q\nwant %q", in, got, want)
		}
	}
	removed := s.Removed()
	for _, want := range []string{"private keys: 3", "value of environment variable DB: 1", "value of the node's secret: 1"} {
		if !slices.Contains(removed, want) {
			t.Errorf("%q lacks %q", removed, want)
		}
	}
}

func TestSecretsAreTakenOutOfPlans(t *testing.T) {
	var s diag.Secrets
	plan := mgmt.Plan{Node: mgmt.Node{
		Name: "w", Env: map[string]string{"DB": "hunter2hunter2", "MODE": "x"},
		Options: []mgmt.Option{{Name: "Site::api_key", Value: "geheim"}, {Name: "Site::zone", Value: "dmz"}, {Name: "Site::url", Value: "https://u:p@h/"}},
	}}
	plan.Node.RunOptions = []mgmt.Option{{Name: "Site::token", Value: "offener Sesam"}}
	plan.Node.Command = []string{"/bin/feed", "--password", "pass word", "--api-key=kk", "--mode=fast", "--token-file", "-v"}
	got := s.Plan(plan)
	if got.Node.RunOptions[0].Value != "(removed)" {
		t.Errorf("options of the running node: %v", got.Node.RunOptions)
	}
	if words := strings.Join(got.Node.Command, " "); words != "/bin/feed --password (removed) --api-key=(removed) --mode=fast --token-file -v" {
		t.Errorf("command: %s", words)
	}
	if got.Node.Env["DB"] != "(removed)" || got.Node.Env["MODE"] != "(removed)" || len(got.Node.Env) != 2 {
		t.Errorf("environment: %v", got.Node.Env)
	}
	want := []mgmt.Option{{Name: "Site::api_key", Value: "(removed)"}, {Name: "Site::zone", Value: "dmz"}, {Name: "Site::url", Value: "https://u:(removed)@h/"}}
	if !slices.Equal(got.Node.Options, want) {
		t.Errorf("options: %v", got.Node.Options)
	}
	if plan.Node.Env["DB"] == "(removed)" || plan.Node.Options[0].Value != "geheim" {
		t.Error("the plan itself has changed")
	}
	if text := s.Text("bad value geheim of Site::api_key"); strings.Contains(text, "geheim") {
		t.Errorf("the value of an option is in %q", text)
	}
	if len((&diag.Secrets{}).Removed()) != 0 {
		t.Error("something was removed from nothing")
	}
}

// A value of the environment may be a part of what frames a key, and texts have values in quotes.
func TestSecretsHideNoOtherSecrets(t *testing.T) {
	var s diag.Secrets
	s.KnowEnv(map[string]string{"KIND": "PRIVATE", "PART": "MHcCAQ", "ODD": "say \"friend\"\n", "WORD": "zeekfleet"})
	for in, want := range map[string]string{
		"-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\nxyz\n-----END EC PRIVATE KEY-----": "(removed)",
		`{"said":"say \"friend\"\n"}`:   `{"said":"(removed)"}`,
		"password=zeekfleet-geheim, ok": "password=(removed), ok",
	} {
		if got := s.Text(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("password=abc", "abcdef")
	f.Add("-----BEGIN PRIVATE KEY-----", "PRIVATE")
	f.Fuzz(func(t *testing.T, text, secret string) {
		var s diag.Secrets
		s.Know("x", secret)
		got := s.Text(text)
		// What stands in place of a secret could form a new one with its surroundings.
		if len(secret) >= 6 && !strings.ContainsAny(secret, "(removed)") && strings.Contains(got, secret) {
			t.Errorf("%q is in %q", secret, got)
		}
	})
}
