package ui

import (
	"time"

	g "maragu.dev/gomponents"

	"github.com/zeekfleet/zeekfleet/client/api"
	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// PathCertificates is the path of the page of the certificates.
const PathCertificates = "/certificates"

// RevokeCertificatePath returns the path of the page that asks whether a certificate shall be
// revoked.
func RevokeCertificatePath(serial string) string { return below(PathCertificates, serial, "revoke") }

// RevokeIdentityPath returns the path of the page that asks whether all certificates of an
// identity shall be revoked.
func RevokeIdentityPath(identity string) string {
	return withQuery(PathCertificates+"/revoke", "identity", identity)
}

// CertificatesPage lists the certificates that are valid or revoked.
func CertificatesPage(now time.Time, list []api.IssuedCertificate) Content {
	return Content{Title: "Certificates", Body: g.Group{
		Head("Certificates", ButtonLink(PathTokens, "Tokens"), ButtonLink(PathUsers, "Users")),
		h.Section(h.Class("panel"), h.Aria("label", "Certificates"), certificatesTable(now, list)),
	}}
}

func certificatesTable(now time.Time, list []api.IssuedCertificate) g.Node {
	if len(list) == 0 {
		return none("This controller has signed no certificate here.")
	}
	return stacked(tableOf("Certificates", []string{"Of", "Issued", "Until", "Revoked", "Serial number", ""}, h.TBody(g.Map(list, func(c api.IssuedCertificate) g.Node {
		end := certificateEnd(now, c.Expires)
		if !c.Revoked.IsZero() {
			end = Moment(c.Expires)
		}
		return h.Tr(h.Th(h.Scope("row"), h.Text(c.Identity)), when("Issued", Moment(c.Issued)), when("Until", end), when("Revoked", Moment(c.Revoked)), h.Td(h.Class("mono words"), h.Text(c.Serial)),
			cell(g.If(c.Revoked.IsZero(), ButtonLink(RevokeCertificatePath(c.Serial), "Revoke…", "small"))))
	}))))
}

// AskRevokeCertificate asks whether the certificate with a serial number shall be revoked, or all
// certificates of an identity.
func AskRevokeCertificate(wrong, serial, identity string) Content {
	q := Question{Title: "Revoke the certificate " + serial + "?", Action: RevokeCertificatePath(serial), Do: "Revoke it", Danger: true, Back: PathCertificates}
	if identity != "" {
		q.Title, q.Action, q.Do = "Revoke all certificates of "+identity+"?", PathCertificates+"/revoke", "Revoke them"
	}
	q.Body = g.Group{
		wrongForm(wrong),
		h.P(h.Text("Connections with it end at once, and nobody can make one from then on. An agent then needs a new joining token, and a user a new login. Nodes that run go on.")),
		g.If(identity != "", h.Input(h.Type("hidden"), h.Name("identity"), h.Value(identity))),
	}
	return Ask(q)
}
