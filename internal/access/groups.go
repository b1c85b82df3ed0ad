package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// GroupRole gives a role to the members of a group.
type GroupRole struct {
	// Group is the name of the group. EveryGroup stands for everybody.
	Group string
	Role  mgmt.UserRole
}

// EveryGroup stands for everybody, whatever the groups are.
const EveryGroup = "*"

// ParseGroupRole parses "soc=operator". The name of a group may hold further equal signs.
func ParseGroupRole(text string) (GroupRole, error) {
	at := strings.LastIndexByte(text, '=')
	if at < 0 || strings.TrimSpace(text[:at]) == "" {
		return GroupRole{}, fmt.Errorf("%.80q is not of the form GROUP=ROLE", text)
	}
	group := strings.TrimSpace(text[:at])
	if strings.ContainsFunc(group, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return GroupRole{}, errors.New("the name of a group must not hold control characters")
	}
	role, err := ParseRole(strings.TrimSpace(text[at+1:]))
	return GroupRole{group, role}, err
}

func (g GroupRole) String() string { return g.Group + "=" + g.Role.String() }

// HighestRole returns the highest role that rules give to a member of groups. It is
// mgmt.NoUser if they give none.
func HighestRole(rules []GroupRole, groups []string) mgmt.UserRole {
	highest := mgmt.NoUser
	for _, rule := range rules {
		if rule.Group == EveryGroup || slices.Contains(groups, rule.Group) {
			highest = max(highest, rule.Role)
		}
	}
	return highest
}
