package bus

import (
	"fmt"
	"time"
)

// limits checks the bounds of a config. A negative bound is an error. A bound of zero
// becomes the default.
type limits struct{ errs []error }

func (l *limits) count(name string, n *int, def int) {
	switch {
	case *n < 0:
		l.errs = append(l.errs, fmt.Errorf("%s is negative", name))
	case *n == 0:
		*n = def
	}
}

// below demands that part is less than whole, unless part is zero.
func (l *limits) below(part string, n int, whole string, of int) {
	if n > 0 && n >= of {
		l.errs = append(l.errs, fmt.Errorf("%s is not less than %s", part, whole))
	}
}

func (l *limits) duration(name string, d *time.Duration, def time.Duration) {
	switch {
	case *d < 0:
		l.errs = append(l.errs, fmt.Errorf("%s is negative", name))
	case *d == 0:
		*d = def
	}
}
