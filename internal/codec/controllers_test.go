package codec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestAddressesOfControllers(t *testing.T) {
	sent := send("Fleet::Agent::API::controllers_changed", vec(str("10.0.0.1:2150"), str("c2:2150")))
	var want mgmt.Message = mgmt.ControllersChanged{Addresses: []string{"10.0.0.1:2150", "c2:2150"}}
	got, err := codec.Decode(sent)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	if again, err := codec.Decode(codec.Encode(want)); err != nil || cmp.Diff(want, again) != "" {
		t.Errorf("encoded and decoded: %v, %v", again, err)
	}
}
