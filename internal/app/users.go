package app

import (
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
)

// localUsers returns the user IDs of users. Each word is a name or a user ID.
func localUsers(words []string) ([]uint32, error) {
	var uids []uint32
	for _, word := range words {
		uid, err := strconv.ParseUint(word, 10, 32)
		if err != nil {
			found, lookupErr := user.Lookup(word)
			if lookupErr != nil {
				return nil, fmt.Errorf("local_users: %s: %w; a user who is not in /etc/passwd is named by number", word, lookupErr)
			}
			if uid, err = strconv.ParseUint(found.Uid, 10, 32); err != nil {
				return nil, fmt.Errorf("local_users: %s: %w", word, err)
			}
		}
		uids = append(uids, uint32(uid))
	}
	return uids, nil
}

// hostNames returns the names of this host that clients may use.
func hostNames(more []string) []string {
	names := slices.Clone(more)
	if own, err := os.Hostname(); err == nil && own != "" {
		names = append(names, own)
	}
	return names
}
