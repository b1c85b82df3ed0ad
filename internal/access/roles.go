package access

import (
	"fmt"
	"strings"

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

// Denied says that a user may not make a request, such as "deploy". may is the lowest
// role that may.
func Denied(who mgmt.Principal, request string, may mgmt.UserRole) string {
	name, how, _ := strings.Cut(strings.TrimSuffix(who.Name, ")"), " (")
	if how != "" {
		how += ", "
	}
	if strings.ContainsAny(request, " _") {
		request = fmt.Sprintf("make the request %q", request)
	}
	return fmt.Sprintf("user %q (%s%s) may not %s on this controller; ask an admin for the role %s", name, how, who.Role, request, may)
}
