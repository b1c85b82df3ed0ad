package codec_test

import (
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func TestAnnouncedDispatchesAreAVectorOfNames(t *testing.T) {
	const name = "Fleet::Node::API::notify_dispatches"
	want := mgmt.NotifyDispatches{Node: "worker", Dispatches: []string{"get_id_value", "get_stats"}}
	sent := send(name, str("worker"), vec(str("get_id_value"), str("get_stats")))
	got, err := codec.Decode(sent)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(mgmt.Message(want), got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	if again, err := codec.Decode(codec.Encode(want)); err != nil || cmp.Diff(mgmt.Message(want), again) != "" {
		t.Errorf("encoded and decoded: %v, %v", again, err)
	}
	if _, err := codec.Decode(send(name, str("worker"), set(str("get_stats")))); err == nil {
		t.Error("a set was taken for a vector")
	}
}

func TestMessagesOfFleetAreScalarsAndWhatUpstreamHas(t *testing.T) {
	span := zval.Span(5 * time.Second)
	config := mgmt.Configuration{
		ID:        "id",
		Instances: []mgmt.Instance{{Name: "i", Host: netip.MustParseAddr("10.0.0.1")}},
		Nodes:     []mgmt.Node{{Name: "w", Instance: "i", Role: mgmt.Worker, State: mgmt.Running}},
	}
	wire := vec(str("id"), set(vec(str("i"), host, none)), set(node("w")))
	failure := vec(str("r"), zval.Bool(false), str("i"), none, str("no"), str("w"))
	for name, tt := range map[string]struct {
		sent zval.Value
		want mgmt.Message
	}{
		"a deployment with conditions": {
			send("Fleet::Controller::API::deploy_request", str("r"), str("id"), zval.Bool(true), span),
			mgmt.StagedDeployRequest{ReqID: "r", ID: "id", Partial: true, Patience: 5 * time.Second},
		},
		"what a deployment waits for": {
			send("Fleet::Controller::API::deploy_progress", str("r"), str("waiting")),
			mgmt.DeployProgress{ReqID: "r", Text: "waiting"},
		},
		"whether a configuration could be deployed": {
			send("Fleet::Agent::API::prepare_request", str("r"), wire, span, zval.Span(9*time.Second)),
			mgmt.AgentPrepareRequest{ReqID: "r", Config: config, Preflight: 5 * time.Second, Whole: 9 * time.Second},
		},
		"what a deployment would do":                            {send("Fleet::Agent::API::plan_request", str("r"), wire, span), mgmt.AgentPlanRequest{ReqID: "r", Config: config, Preflight: 5 * time.Second}},
		"what a deployment would do, with a check of all nodes": {send("Fleet::Agent::API::plan_request", str("r"), wire, span, zval.Bool(true)), mgmt.AgentPlanRequest{ReqID: "r", Config: config, Preflight: 5 * time.Second, All: true}},
		"what keeps it from being deployed": {
			send("Fleet::Agent::API::prepare_response", str("r"), vec(failure)),
			mgmt.AgentPrepareResponse{ReqID: "r", Results: []mgmt.Result{{ReqID: "r", Instance: "i", Node: "w", Error: "no"}}},
		},
		"a certificate is to be renewed": {
			send("Fleet::Controller::API::renew_certificate_request", str("r"), str("key"), str("node key")),
			mgmt.RenewCertificateRequest{ReqID: "r", Key: "key", NodeKey: "node key"},
		},
		"a certificate was renewed": {
			send("Fleet::Controller::API::renew_certificate_response", str("r"),
				vec(str("r"), zval.Bool(true), none, str("{}"), none, none)),
			mgmt.RenewCertificateResponse{ReqID: "r", Result: mgmt.Result{ReqID: "r", Success: true, Data: mgmt.Text("{}")}},
		},
		"which authorities count": {
			send("Fleet::Agent::API::authorities_changed", str("a"), str("")),
			mgmt.AuthoritiesChanged{Authorities: "a"},
		},
		"which controllers were revoked": {
			send("Fleet::Agent::API::authorities_changed", str("a"), str(""), vec(str("1f"))),
			mgmt.AuthoritiesChanged{Authorities: "a", Revoked: []string{"1f"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			same := cmp.Options{sameAddrs, cmpopts.EquateEmpty()}
			got, err := codec.Decode(tt.sent)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, same); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
			if again, err := codec.Decode(codec.Encode(tt.want)); err != nil || cmp.Diff(tt.want, again, same) != "" {
				t.Errorf("encoded and decoded: %v, %v", again, err)
			}
		})
	}
	_, err := codec.Decode(send("Fleet::Controller::API::deploy_request", str("r"), str("id"), zval.Bool(true), zval.Count(5)))
	if err == nil || !strings.Contains(err.Error(), "patience") {
		t.Errorf("a count was taken for an interval: %v", err)
	}
}

func TestWhatAnAgentFetchesHasSizesThatFilesCanHave(t *testing.T) {
	fetching := func(total zval.Value) (mgmt.Message, error) {
		return codec.Decode(send("Fleet::Agent::API::notify_fetching", str("r"), str("i"), str("site"), zval.Count(5), total))
	}
	want := mgmt.NotifyFetching{ReqID: "r", Instance: "i", Bundle: "site", Done: 5, Total: math.MaxInt64}
	if got, err := fetching(zval.Count(math.MaxInt64)); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if again, err := codec.Decode(codec.Encode(want)); err != nil || again != want {
		t.Errorf("encoded and decoded: %v, %v", again, err)
	}
	for _, bad := range []zval.Value{zval.Count(1 << 63), zval.Int(5)} {
		if _, err := fetching(bad); err == nil || !strings.Contains(err.Error(), "total") {
			t.Errorf("a size of %v was taken: %v", bad, err)
		}
	}
}
