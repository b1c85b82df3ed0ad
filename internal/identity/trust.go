package identity

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Trust is what a daemon believes of certificates at one moment.
type Trust struct {
	// Cluster is the ID of the cluster. A certificate with the URI of another cluster is
	// nobody's.
	Cluster string
	// Authorities are those whose certificates count.
	Authorities []*x509.Certificate
	// Revoked are the serial numbers of certificates that no longer count, as lower-case
	// hex digits.
	Revoked map[string]bool
	// Rules give an identity to certificates without the URI of a cluster.
	Rules []Rule
	// Pins give an identity to single certificates, whoever has signed them. The keys are
	// fingerprints.
	Pins map[string]Identity
}

// Rule gives an identity to each certificate that has a name.
type Rule struct {
	// Subject is a name in the certificate: "uri:…", "dns:…" in lower case, or "cn:…".
	// One star stands for any text that is not empty.
	Subject string
	// Identity has the star's text in place of its own star.
	Identity Identity
}

// ParseRule parses "cn:sensor-*.example.org=agent/sensor-*".
func ParseRule(text string) (Rule, error) {
	at := strings.LastIndexByte(text, '=')
	if at < 0 {
		return Rule{}, fmt.Errorf("%q is not of the form SUBJECT=IDENTITY, as in cn:sensor-*.example.org=agent/sensor-*", printable(text))
	}
	subject := text[:at]
	kind, name, _ := strings.Cut(subject, ":")
	if !slices.Contains([]string{"uri", "dns", "cn"}, kind) || name == "" {
		return Rule{}, fmt.Errorf("%q is not a name in a certificate: write uri:NAME, dns:NAME or cn:NAME", printable(subject))
	}
	id, err := Parse(text[at+1:])
	if err != nil {
		return Rule{}, err
	}
	switch stars := strings.Count(id.Name, "*"); {
	case strings.Count(subject, "*") > 1 || stars > 1:
		return Rule{}, fmt.Errorf("%q has more than one star", printable(text))
	case stars == 1 && !strings.Contains(subject, "*"):
		return Rule{}, fmt.Errorf("%q has a star in the identity, and none in the name of the certificate", printable(text))
	}
	return Rule{subject, id}, nil
}

// String returns the text that ParseRule parses.
func (r Rule) String() string { return r.Subject + "=" + r.Identity.String() }

// ErrNobody says that a certificate is in order and gives its owner no identity.
var ErrNobody = errors.New("nothing says whose certificate this is")

// Serial returns the serial number of a certificate as text.
func Serial(cert *x509.Certificate) string { return fmt.Sprintf("%x", cert.SerialNumber) }

// Judge returns whose certificate the first of a chain is. The owner must have proved
// that it has the key. Judge's error says in one line why the certificate does not count.
func (t *Trust) Judge(chain []*x509.Certificate, now time.Time) (Identity, error) {
	if len(chain) == 0 {
		return Identity{}, errors.New("no certificate was shown")
	}
	cert := chain[0]
	if id, ok := t.Pins[Fingerprint(cert)]; ok {
		return id, validity(cert, now)
	}
	if err := t.verify(chain, now); err != nil {
		return Identity{}, err
	}
	if t.Revoked[Serial(cert)] {
		return Identity{}, fmt.Errorf("the certificate of %s was revoked", nameOf(cert))
	}
	return t.identify(cert)
}

// verify checks that an authority has signed the certificate, and that it is valid now.
func (t *Trust) verify(chain []*x509.Certificate, now time.Time) error {
	cert := chain[0]
	if err := validity(cert, now); err != nil {
		return err
	}
	early := beginEarly(chain)
	_, err := early[0].Verify(x509.VerifyOptions{
		Roots: Pool(beginEarly(t.Authorities)), Intermediates: Pool(early[1:]), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if cause, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
		return &unsigned{nameOf(cert), cause}
	}
	if err != nil {
		return fmt.Errorf("the certificate of %s: %w", nameOf(cert), err)
	}
	return nil
}

// MaxEarly is how long before its beginning a certificate counts. A host whose clock is behind
// by less takes certificates that were made a moment ago. The beginning of a certificate
// protects nobody: its owner has the key already. The end counts to the second.
const MaxEarly = 2 * time.Hour

// beginEarly returns copies of certificates that begin MaxEarly before. crypto/x509 compares
// the times of these fields, and verifies the bytes that were signed.
func beginEarly(certs []*x509.Certificate) []*x509.Certificate {
	early := make([]*x509.Certificate, len(certs))
	for i, cert := range certs {
		one := *cert
		one.NotBefore = cert.NotBefore.Add(-MaxEarly)
		early[i] = &one
	}
	return early
}

// unsigned says that no authority that is trusted has signed a certificate. The text of
// its cause would say that again, and guess at reasons.
type unsigned struct {
	owner string
	cause x509.UnknownAuthorityError
}

func (u *unsigned) Error() string {
	return "none of our authorities has signed the certificate of " + u.owner
}

func (u *unsigned) Unwrap() error { return u.cause }

// clockDoubt is how far outside its validity a certificate may be for a wrong clock to
// be the likely reason.
const clockDoubt = 48 * time.Hour

// validity returns an error if a certificate has expired, or if it begins more than MaxEarly
// from now. The error names the clock if the clock is the likely reason.
func validity(cert *x509.Certificate, now time.Time) error {
	switch early, late := cert.NotBefore.Sub(now), now.Sub(cert.NotAfter); {
	case early > MaxEarly:
		return fmt.Errorf("the certificate of %s is valid from %s on, and this host's clock says %s: one of the two clocks is wrong by %s or more",
			nameOf(cert), Clock(cert.NotBefore), Clock(now), Rough(early))
	case late > 0 && late < clockDoubt:
		return fmt.Errorf("the certificate of %s expired at %s, and this host's clock says %s: it was not renewed in time, or a clock is wrong by %s",
			nameOf(cert), Clock(cert.NotAfter), Clock(now), Rough(late))
	case late > 0:
		return fmt.Errorf("the certificate of %s expired at %s (this host's clock says %s)",
			nameOf(cert), Clock(cert.NotAfter), Clock(now))
	}
	return nil
}

// identify returns the identity that a certificate gives.
func (t *Trust) identify(cert *x509.Certificate) (Identity, error) {
	for _, uri := range cert.URIs {
		if uri.Scheme != Scheme {
			continue
		}
		id, cluster, ok := FromURI(uri)
		switch {
		case !ok:
			return Identity{}, fmt.Errorf("the certificate of %s has a URI that is none of a cluster: %s", nameOf(cert), printable(uri.String()))
		case cluster != t.Cluster:
			return Identity{}, fmt.Errorf("the certificate of %s is of cluster %s, and this cluster is %s", id, printable(cluster), t.Cluster)
		}
		return id, nil
	}
	for _, name := range subjects(cert) {
		for _, rule := range t.Rules {
			if id, ok := rule.apply(name); ok {
				return id, id.Check()
			}
		}
	}
	return Identity{}, fmt.Errorf("%w: its names are %s; tls.identities can say whose it is", ErrNobody, strings.Join(subjects(cert), ", "))
}

// subjects returns the names in a certificate in the form of Rule.Subject.
func subjects(cert *x509.Certificate) []string {
	var names []string
	for _, uri := range cert.URIs {
		names = append(names, "uri:"+uri.String())
	}
	for _, dns := range cert.DNSNames {
		names = append(names, "dns:"+strings.ToLower(dns))
	}
	if cn := cert.Subject.CommonName; cn != "" {
		names = append(names, "cn:"+cn)
	}
	return names
}

// NameOf returns the name of a certificate to which a rule gives this identity. For a rule
// without a star in the identity, the name may have a star.
func (r Rule) NameOf(id Identity) (name string, ok bool) {
	if r.Identity.Kind != id.Kind {
		return "", false
	}
	before, after, star := strings.Cut(r.Identity.Name, "*")
	switch {
	case !star && r.Identity == id:
		return r.Subject, true
	case !star:
		return "", false
	}
	if len(id.Name) <= len(before)+len(after) || !strings.HasPrefix(id.Name, before) || !strings.HasSuffix(id.Name, after) {
		return "", false
	}
	text := id.Name[len(before) : len(id.Name)-len(after)]
	return strings.Replace(r.Subject, "*", text, 1), true
}

// apply returns the identity that the rule gives to a name.
func (r Rule) apply(name string) (Identity, bool) {
	before, after, star := strings.Cut(r.Subject, "*")
	if !star {
		return r.Identity, name == r.Subject
	}
	if len(name) < len(before)+len(after) || !strings.HasPrefix(name, before) || !strings.HasSuffix(name, after) {
		return Identity{}, false
	}
	text := name[len(before) : len(name)-len(after)]
	return Identity{r.Identity.Kind, strings.Replace(r.Identity.Name, "*", text, 1)}, text != ""
}

// nameOf names a certificate for a person.
func nameOf(cert *x509.Certificate) string {
	for _, uri := range cert.URIs {
		if id, _, ok := FromURI(uri); ok {
			return id.String()
		}
	}
	if names := subjects(cert); len(names) > 0 {
		return printable(slices.Max(names))
	}
	return "an owner without a name"
}
