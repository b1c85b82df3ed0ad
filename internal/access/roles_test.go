package access_test

import (
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestDeniedNamesTheUserAndTheRoleThatMay(t *testing.T) {
	for _, c := range []struct {
		who     mgmt.Principal
		request string
		may     mgmt.UserRole
		want    string
	}{
		{
			mgmt.Principal{Name: "guest", Role: mgmt.Viewer}, "deploy", mgmt.Operator,
			`user "guest" (viewer) may not deploy on this controller; ask an admin for the role operator`,
		},
		{
			mgmt.Principal{Name: "ann (uid 1001)", Role: mgmt.Operator}, "token create", mgmt.Admin,
			`user "ann" (uid 1001, operator) may not make the request "token create" on this controller; ask an admin for the role admin`,
		},
		{
			mgmt.Principal{Name: "ann"}, "stage_configuration", mgmt.Operator,
			`user "ann" (nobody) may not make the request "stage_configuration" on this controller; ask an admin for the role operator`,
		},
	} {
		if got := access.Denied(c.who, c.request, c.may); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
