package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base32"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"strings"
	"time"
)

// The lives of certificates.
const (
	// AuthorityLife is the life of an authority, and of the certificate of nodes: Zeek
	// reads its certificate once, when it starts.
	AuthorityLife = 10 * 365 * 24 * time.Hour
	// LeafLife is the life of every other certificate, unless the settings name another.
	LeafLife = 30 * 24 * time.Hour
)

// backdate is how long before its making a certificate begins to be valid, because
// clocks differ.
const backdate = 5 * time.Minute

// RenewAt returns when the owner of a certificate asks for the next one: after two thirds
// of its life.
func RenewAt(cert *x509.Certificate) time.Time {
	made := MadeAt(cert)
	return made.Add(cert.NotAfter.Sub(made) * 2 / 3)
}

// MadeAt returns when a certificate was made, to the second.
func MadeAt(cert *x509.Certificate) time.Time { return cert.NotBefore.Add(backdate) }

// Authority signs certificates.
type Authority struct {
	Cert *x509.Certificate
	Key  crypto.Signer
}

// NewCluster returns the ID of a new cluster: 16 letters and digits, by chance.
func NewCluster() string {
	var random [10]byte
	rand.Read(random[:])
	return lower32(random[:])
}

// NewSerial returns a serial number by chance.
func NewSerial() *big.Int {
	var random [16]byte
	rand.Read(random[:])
	random[0] = random[0]&0x7f | 0x40 // positive, and of full length
	return new(big.Int).SetBytes(random[:])
}

// NewKey returns a private key of the kind that zeekfleet uses: ECDSA P-256.
func NewKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// NewAuthority makes an authority with a key of its own. name becomes its common name.
func NewAuthority(name string, now time.Time, life time.Duration) (Authority, error) {
	key, err := NewKey()
	if err != nil {
		return Authority{}, fmt.Errorf("make the key of an authority: %w", err)
	}
	template := x509.Certificate{
		SerialNumber:          NewSerial(),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(life),
		IsCA:                  true,
		MaxPathLenZero:        true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	cert, err := sign(&template, &template, key.Public(), key)
	return Authority{cert, key}, err
}

// Leaf says what a certificate is to contain.
type Leaf struct {
	Cluster  string
	Identity Identity
	// Key is the public key of the owner.
	Key crypto.PublicKey
	// Serial zero means one by chance.
	Serial *big.Int
	// Hosts are the DNS names and IP addresses by which others call the owner.
	Hosts []string
	Life  time.Duration
}

// Issue signs a certificate. Its owner may be server and client with it, because both
// sides of a Broker peering show one (spec broker-wire 2.4).
func (a Authority) Issue(leaf Leaf, now time.Time) (*x509.Certificate, error) {
	if err := leaf.Identity.Check(); err != nil {
		return nil, err
	}
	if err := checkKey(leaf.Key); err != nil {
		return nil, err
	}
	end := now.Add(leaf.Life)
	if end.After(a.Cert.NotAfter) {
		end = a.Cert.NotAfter
	}
	template := x509.Certificate{
		SerialNumber:          leaf.Serial,
		Subject:               pkix.Name{CommonName: commonName(leaf.Identity.Name)},
		NotBefore:             now.Add(-backdate),
		NotAfter:              end,
		URIs:                  []*url.URL{leaf.Identity.URI(leaf.Cluster)},
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	if template.SerialNumber == nil {
		template.SerialNumber = NewSerial()
	}
	for _, host := range leaf.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return sign(&template, a.Cert, leaf.Key, a.Key)
}

// commonName returns a name that fits into a certificate's common name (RFC 5280,
// ub-common-name).
func commonName(name string) string {
	const most = 64 // characters
	for i := range name {
		if i >= most {
			return strings.ToValidUTF8(name[:most], "")
		}
	}
	return name
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// NewRequest returns a signing request for a key, in PEM.
func NewRequest(id Identity, key crypto.Signer) ([]byte, error) {
	template := x509.CertificateRequest{Subject: pkix.Name{CommonName: commonName(id.Name)}}
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		return nil, fmt.Errorf("make a signing request: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}

// MaxRequest bounds a signing request, in bytes.
const MaxRequest = 16 << 10

// ReadRequest returns the public key of a signing request in PEM, after checking that
// the asker has its private key. Nothing else of a request counts: the signer decides
// the names.
func ReadRequest(text []byte) (crypto.PublicKey, error) {
	if len(text) > MaxRequest {
		return nil, fmt.Errorf("a signing request must not be longer than %d bytes", MaxRequest)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE REQUEST" && block.Type != "NEW CERTIFICATE REQUEST" {
		return nil, errors.New("there is no signing request in PEM form (BEGIN CERTIFICATE REQUEST)")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("signing request: %v", err)
	}
	if err := checkKey(request.PublicKey); err != nil {
		return nil, fmt.Errorf("signing request: %w", err)
	}
	if err := request.CheckSignature(); err != nil {
		return nil, fmt.Errorf("the signing request is not signed with its own key: %v", err)
	}
	return request.PublicKey, nil
}

// checkKey returns an error if a key is too weak.
func checkKey(public crypto.PublicKey) error {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() || key.Curve == elliptic.P384() || key.Curve == elliptic.P521() {
			return nil
		}
	case ed25519.PublicKey:
		return nil
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits >= 2048 && bits <= 8192 {
			return nil
		}
	}
	return errors.New("the key is too weak or of an unknown kind: use ECDSA P-256, Ed25519, or RSA with 2048 bits or more")
}

// KeyHash returns the hash of an authority's key: the part of a joining token by which a
// new agent knows whom it speaks with.
func KeyHash(authority *x509.Certificate) string {
	sum := sha256.Sum256(authority.RawSubjectPublicKeyInfo)
	return lower32(sum[:20])
}

// Fingerprint returns the SHA-256 of a certificate as people write it: sha256:<64 hex
// digits>.
func Fingerprint(cert *x509.Certificate) string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256(cert.Raw))
}

func lower32(data []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(data))
}

// CertPEM returns certificates in PEM form, one after the other.
func CertPEM(certs ...*x509.Certificate) []byte {
	var text []byte
	for _, cert := range certs {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})...)
	}
	return text
}

// MaxChain bounds the certificates that one PEM text may hold.
const MaxChain = 32

// ReadCerts returns the certificates in a PEM text. There must be at least one.
func ReadCerts(text []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %v", len(certs)+1, err)
		}
		if certs = append(certs, cert); len(certs) > MaxChain {
			return nil, fmt.Errorf("there are more than %d certificates", MaxChain)
		}
	}
	if len(certs) == 0 {
		return nil, errors.New("there is no certificate in PEM form (BEGIN CERTIFICATE)")
	}
	return certs, nil
}

// KeyPEM returns a private key in PEM form (PKCS #8).
func KeyPEM(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// ReadKey returns the private key in a PEM text of the form that KeyPEM makes.
func ReadKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("there is no private key in PEM form (BEGIN PRIVATE KEY)")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the private key is damaged")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("the private key cannot sign")
	}
	return signer, nil
}
