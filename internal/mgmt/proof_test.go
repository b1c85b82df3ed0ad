package mgmt_test

import (
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

const secret mgmt.Secret = "0123456789abcdef0123456789abcdef"

// The value is what proof_of of the node script returns in a real Zeek.
func TestProofIsWhatTheNodeScriptMakes(t *testing.T) {
	const want = "dce6697f22751046fa815f55c07f3570a5692c78a4229d57bc44a81f18eaf07e"
	if got := secret.Proof("request", "worker-1", "7", "a-b", "get_id_value", ""); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestProofFitsOneRequest(t *testing.T) {
	r := mgmt.ProvenRequest{Node: "w", Number: 12, ReqID: "r", Action: []string{"set_option", "a", "bc"}}.Prove(secret)
	if !r.IsProven(secret) {
		t.Error("the request that was proven is not")
	}
	for name, change := range map[string]func(*mgmt.ProvenRequest){
		"another node":                func(r *mgmt.ProvenRequest) { r.Node = "x" },
		"another number":              func(r *mgmt.ProvenRequest) { r.Number++ },
		"a digit that moved":          func(r *mgmt.ProvenRequest) { r.Node, r.Number = "w1", 2 },
		"another ID":                  func(r *mgmt.ProvenRequest) { r.ReqID = "s" },
		"another word":                func(r *mgmt.ProvenRequest) { r.Action = []string{"set_option", "a", "bd"} },
		"a letter that moved":         func(r *mgmt.ProvenRequest) { r.Action = []string{"set_option", "ab", "c"} },
		"a word more":                 func(r *mgmt.ProvenRequest) { r.Action = append(r.Action, "cluster") },
		"a word less":                 func(r *mgmt.ProvenRequest) { r.Action = r.Action[:2] },
		"a word that became the ID":   func(r *mgmt.ProvenRequest) { r.ReqID, r.Action = "set_option", r.Action[1:] },
		"no proof":                    func(r *mgmt.ProvenRequest) { r.Proof = "" },
		"the proof of another secret": func(r *mgmt.ProvenRequest) { *r = r.Prove(secret + "0") },
		"the proof of another message": func(r *mgmt.ProvenRequest) {
			r.Proof = secret.Proof("response", "w", "12", "r", "set_option", "a", "bc")
		},
	} {
		changed := r
		changed.Action = append([]string(nil), r.Action...)
		change(&changed)
		if changed.IsProven(secret) {
			t.Errorf("%s: it counts as proven", name)
		}
	}
	if r.Prove("").IsProven("") {
		t.Error("without a secret it counts as proven")
	}
}

func TestProofFitsOneAnswer(t *testing.T) {
	r := mgmt.ProvenResponse{Node: "w", ReqID: "r", Success: true, Text: "1"}.Prove(secret)
	if !r.IsProven(secret) {
		t.Error("the answer that was proven is not")
	}
	for name, change := range map[string]func(*mgmt.ProvenResponse){
		"another node": func(r *mgmt.ProvenResponse) { r.Node = "x" },
		"another ID":   func(r *mgmt.ProvenResponse) { r.ReqID = "s" },
		"a failure":    func(r *mgmt.ProvenResponse) { r.Success = false },
		"another text": func(r *mgmt.ProvenResponse) { r.Text = "2" },
	} {
		changed := r
		change(&changed)
		if changed.IsProven(secret) {
			t.Errorf("%s: it counts as proven", name)
		}
	}
}

func TestPlainAnswerHasDataOrAnError(t *testing.T) {
	for _, tt := range []struct {
		in   mgmt.ProvenResponse
		want mgmt.Result
	}{
		{mgmt.ProvenResponse{Success: true, Text: "1"}, mgmt.Result{Success: true, Data: mgmt.Text("1")}},
		{mgmt.ProvenResponse{Success: true}, mgmt.Result{Success: true}},
		{mgmt.ProvenResponse{Text: "no"}, mgmt.Result{Error: "no"}},
	} {
		tt.in.Node, tt.in.ReqID, tt.want.Node, tt.want.ReqID = "w", "r", "w", "r"
		if got := tt.in.Plain(); got.Result != tt.want || got.ReqID != "r" {
			t.Errorf("got %+v, want %+v", got, tt.want)
		}
	}
}
