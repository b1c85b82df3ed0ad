package app

import "errors"

// ErrRemoved says that the other controllers have removed this one.
var ErrRemoved = errors.New("this controller was removed from the cluster: to join again, move its directory away, and run zeekfleet controller join")
