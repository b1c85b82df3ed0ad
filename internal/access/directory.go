package access

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Directory is what a controller believes of everybody at one moment. It never changes
// after it was made, so that any goroutine may use it.
type Directory struct {
	// Trust judges certificates.
	Trust *identity.Trust
	// NodeAuthorities are those that sign the certificates of nodes. It is empty if an
	// organisation signs the certificates of the cluster.
	NodeAuthorities []*x509.Certificate
	// RevokedControllers are the serial numbers of the certificates of controllers that
	// were revoked and that have not expired. Agents must know them. There are at most
	// mgmt.MaxRevoked: those that live longest.
	RevokedControllers []string
	// Roles are the roles of the users, by name.
	Roles map[string]mgmt.UserRole
	// Until is when the last certificate of an identity ends that counts, by the text of
	// the identity. A connection may outlast the certificate that it was opened with, if
	// its identity has a newer one.
	Until map[string]time.Time
}

// Principal returns the user with an identity. Its error is for that user.
func (d *Directory) Principal(id identity.Identity) (mgmt.Principal, error) {
	if id.Kind != identity.User {
		return mgmt.Principal{}, fmt.Errorf("this is the certificate of %s, and only users may ask the controller: use the certificate of a user", id)
	}
	role := d.Roles[id.Name]
	if role == mgmt.NoUser {
		return mgmt.Principal{}, fmt.Errorf("user %q is unknown here: an admin can add the user (zeekfleet user add %[1]s --role viewer)", id.Name)
	}
	return mgmt.Principal{Name: id.Name, Role: role}, nil
}
