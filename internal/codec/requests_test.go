package codec_test

import (
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestEveryRequestAndItsResponseHaveTheirEvent(t *testing.T) {
	for _, req := range mgmt.Requests() {
		if mgmt.KindOf(req).Local {
			continue
		}
		if got, want := codec.Name(req), mgmt.KindOf(req).Event; got != want {
			t.Errorf("%T travels as %s, want %s", req, got, want)
		}
		resp := req.Answer("", mgmt.Result{})
		if got, want := codec.Name(resp), mgmt.KindAnswered(resp).ResponseEvent(); got != want {
			t.Errorf("%T travels as %s, want %s", resp, got, want)
		}
	}
}
