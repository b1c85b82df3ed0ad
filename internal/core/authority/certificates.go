package authority

import (
	"sort"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// certificates decides about certificates that were signed.
type certificates struct{ *base }

// listCertificates returns the certificates that have not expired, by their owners.
func (m *certificates) listCertificates() access.Certificates {
	list := access.Certificates{}
	for _, c := range m.state.certificates {
		if !m.now.Before(c.expires) {
			continue
		}
		list = append(list, access.CertificateInfo{
			Serial: c.serial, Identity: c.owner, Issued: c.issued, Expires: c.expires, Revoked: c.revoked, Authority: c.authority,
		})
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		if c := strings.Compare(a.Identity.String(), b.Identity.String()); c != 0 {
			return c < 0
		}
		if c := a.Issued.Compare(b.Issued); c != 0 {
			return c < 0
		}
		return a.Serial < b.Serial
	})
	return list
}

func (m *certificates) revokeCertificate(req access.RevokeCertificate) outcome {
	if req.Serial != "" {
		c := m.state.certificates[strings.ToLower(req.Serial)]
		switch {
		case c == nil || !m.now.Before(c.expires):
			return refuse(access.NotFound, "there is no certificate %.60q that has not expired (zeekfleet cert list)", req.Serial)
		case !c.revoked.IsZero():
			return refuse(access.NotFound, "the certificate %s of %s was revoked already, at %s", c.serial, c.owner, identity.Clock(c.revoked))
		}
		m.revokeLine(c)
		return outcome{answer: access.Done{}, subject: c.owner.String() + " " + c.serial}
	}
	if err := req.Identity.Check(); err != nil {
		return refuse(access.Invalid, "name a certificate or its owner: %v", err)
	}
	ended := m.endLogins(req.Identity)
	if len(m.validOf(req.Identity)) == 0 && !ended {
		return refuse(access.NotFound, "%s has no valid certificate (zeekfleet cert list)", req.Identity)
	}
	m.revokeAll(req.Identity)
	if req.Identity.Kind == identity.Agent {
		m.revokeAll(nodesOf(req.Identity))
	}
	return outcome{answer: access.Done{}}
}
