package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"

	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// nodeUser returns the user as whom nodes run, or nil for this process's own user.
func nodeUser(name string) (*proc.User, error) {
	if name == "" {
		return nil, nil
	}
	fail := func(err error) (*proc.User, error) {
		return nil, fmt.Errorf("agent.node_user: user %q: %w", name, err)
	}
	u, err := user.Lookup(name)
	if err != nil {
		return fail(err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return fail(err)
	}
	if int(uid) == os.Geteuid() {
		return nil, nil
	}
	if os.Geteuid() != 0 {
		return fail(fmt.Errorf("only root's agent can run nodes as another user; this one is user %d", os.Geteuid()))
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return fail(err)
	}
	ids, err := u.GroupIds()
	if err != nil {
		return fail(err)
	}
	as := &proc.User{UID: uint32(uid), GID: uint32(gid)}
	for _, id := range ids {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return fail(err)
		}
		as.Groups = append(as.Groups, uint32(n))
	}
	return as, nil
}

// letPass lets the user of nodes pass the agent's directory, to the files that are made for nodes
// below it. The user cannot list it.
func letPass(dir string, user *proc.User) error {
	if user == nil {
		return nil
	}
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was made there: nothing will be started
	}
	if err == nil {
		err = os.Chmod(dir, info.Mode().Perm()|0o011)
	}
	if err != nil {
		return fmt.Errorf("let the user of nodes pass: %w", err)
	}
	return nil
}
