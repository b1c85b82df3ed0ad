package mgmt

// Principal is a user on whose behalf a request is made.
type Principal struct {
	// Name identifies the user for people: "root (uid 0)", "ann", or
	// "unknown at 192.0.2.7".
	Name string
	Role UserRole
	// Source is the address from which the user asks. It is empty if nobody knows it.
	Source string
}

// UserRole is what a user may do. Each role may do all that a lower role may do.
type UserRole int

const (
	// NoUser may do nothing. In the table of requests it marks those that programs
	// of the cluster make, and no user.
	NoUser UserRole = iota
	// Viewer may see everything.
	Viewer
	// Operator may also change what runs.
	Operator
	// Admin may also say who may do what.
	Admin
)

// String returns "viewer", "operator" or "admin". It returns "nobody" for NoUser.
func (r UserRole) String() string {
	switch r {
	case Viewer:
		return "viewer"
	case Operator:
		return "operator"
	case Admin:
		return "admin"
	}
	return "nobody"
}
