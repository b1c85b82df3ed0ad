package app

import (
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// localUsers returns who of this host may connect to a daemon. Each word is a user, by
// name or number, or a group with "%" before it. "=ROLE" may follow. Without it the role
// is admin.
//
// The names are those in /etc/passwd and /etc/group: the program is built without cgo, and
// does not ask other services for names.
func localUsers(words []string) (c daemon.Callers, err error) {
	c.Users, c.Groups = map[uint32]mgmt.UserRole{}, map[uint32]mgmt.UserRole{}
	for _, word := range words {
		name, roleText, given := strings.Cut(word, "=")
		role := mgmt.Admin
		if given {
			if role, err = access.ParseRole(roleText); err != nil {
				return c, fmt.Errorf("local_users: %s: %w", word, err)
			}
		}
		roles, id := c.Users, uint32(0)
		if group, ok := strings.CutPrefix(name, "%"); ok {
			roles = c.Groups
			id, err = groupID(group)
		} else {
			id, err = userID(name)
		}
		if err != nil {
			return c, fmt.Errorf("local_users: %s: %w", word, err)
		}
		roles[id] = max(roles[id], role)
	}
	return c, nil
}

func userID(name string) (uint32, error) {
	if id, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(id), nil
	}
	found, err := user.Lookup(name)
	if err != nil {
		return 0, fmt.Errorf("%w; a user who is not in /etc/passwd is named by number", err)
	}
	id, err := strconv.ParseUint(found.Uid, 10, 32)
	return uint32(id), err
}

func groupID(name string) (uint32, error) {
	if id, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(id), nil
	}
	found, err := user.LookupGroup(name)
	if err != nil {
		return 0, fmt.Errorf("%w; a group must be in /etc/group, where its members are found", err)
	}
	id, err := strconv.ParseUint(found.Gid, 10, 32)
	return uint32(id), err
}

// hostNames returns the names of this host that clients may use.
func hostNames(more []string) []string {
	names := slices.Clone(more)
	if own, err := os.Hostname(); err == nil && own != "" {
		names = append(names, own)
	}
	return names
}
