//go:build !noetcd

package app_test

import (
	"testing"

	"github.com/zeekfleet/zeekfleet/client/api"
)

// A newer controller may say more of itself than this one can read. This one leads all the
// same, and the newer one keeps its place and its certificate.
func TestNewerControllerKeepsItsPlace(t *testing.T) {
	ports := reserve(t)
	one := newMember(t, ports, 1)
	one.start()
	one.token("x")
	if err := one.clustered.AnnounceAs(t.Context(), "c-9", []byte(`{"version":2,"name":"c-9","more":true}`)); err != nil {
		t.Fatal(err)
	}
	one.await("the newer one", func(list api.Controllers) bool { return len(list.Members) == 2 })
	one.end()
	one.start()
	one.token("y")
	one.await("the newer one after a restart", func(list api.Controllers) bool {
		return list.Leader == "c-1" && len(list.Members) == 2 && list.Members[1].Name == "c-9"
	})
	if err := one.api.RemoveController(t.Context(), "c-9"); err != nil {
		t.Errorf("remove it: %v", err)
	}
}
