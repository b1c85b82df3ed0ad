package codec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func TestMessagesAboutHappenings(t *testing.T) {
	for _, tt := range []struct {
		sent zval.Value
		want mgmt.Message
	}{
		{send("Fleet::Agent::API::happenings_wanted", str("log"), zval.Count(7)), mgmt.HappeningsWanted{Log: "log", After: 7}},
		{send("Fleet::Agent::API::happenings_told", str("log"), zval.Count(9), str("lines\n")), mgmt.HappeningsTold{Log: "log", Last: 9, Lines: "lines\n"}},
	} {
		got, err := codec.Decode(tt.sent)
		if err != nil || cmp.Diff(tt.want, got) != "" {
			t.Errorf("decoded: %+v, %v, want %+v", got, err, tt.want)
		}
		if diff := cmp.Diff(tt.sent, codec.Encode(tt.want)); diff != "" {
			t.Errorf("encoded %+v (-want +got):\n%s", tt.want, diff)
		}
	}
}
