package etcdstore

import (
	"errors"
	"testing"
)

// A request that waits for a lock of a member that has failed ends.
func TestRequestsEndWhenTheMemberHangs(t *testing.T) {
	hung, never := make(chan struct{}), make(chan struct{})
	defer close(never)
	if n, err := until(hung, func() (int, error) { return 7, nil }); n != 7 || err != nil {
		t.Errorf("of one that is well: %d, %v", n, err)
	}
	close(hung)
	if _, err := until(hung, func() (int, error) { <-never; return 7, nil }); !errors.Is(err, errHung) {
		t.Errorf("of one that hangs: %v, want errHung", err)
	}
}
