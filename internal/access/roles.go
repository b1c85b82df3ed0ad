package access

import (
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// ParseRole parses the name of a user's role.
func ParseRole(text string) (mgmt.UserRole, error) {
	for _, role := range []mgmt.UserRole{mgmt.Viewer, mgmt.Operator, mgmt.Admin} {
		if text == role.String() {
			return role, nil
		}
	}
	return mgmt.NoUser, fmt.Errorf("%.40q is not a role: it is viewer, operator or admin", text)
}
