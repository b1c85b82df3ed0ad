package mgmt_test

import (
	"math/rand/v2"
	"regexp"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestRequestIDsAreDrawnFromTheGivenSource(t *testing.T) {
	ids := func(seed uint64) [2]mgmt.ReqID {
		rng := rand.New(rand.NewPCG(seed, 0))
		return [2]mgmt.ReqID{mgmt.NewReqID(rng), mgmt.NewReqID(rng)}
	}
	got := ids(1)
	if got != ids(1) || got == ids(2) || got[0] == got[1] {
		t.Errorf("ids %v, again %v, of another seed %v", got, ids(1), ids(2))
	}
	if !regexp.MustCompile(`^[0-9A-Za-z]{18}$`).MatchString(string(got[0])) {
		t.Errorf("id %q is not 18 letters and digits", got[0])
	}
}
