package identity

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// Kind says what an identity may be used for.
type Kind string

// The kinds of identities.
const (
	Controller Kind = "controller"
	Agent      Kind = "agent"
	Node       Kind = "node"
	User       Kind = "user"
)

// Identity is who somebody is: a kind and a name.
type Identity struct {
	Kind Kind
	// Name is the name of the controller, the instance of the agent or of the nodes, or
	// the name of the user.
	Name string
}

// Scheme is the scheme of the URI that a certificate of a cluster carries:
// zeekfleet://CLUSTER/KIND/NAME.
const Scheme = "zeekfleet"

// MaxName bounds the name of an identity, in bytes.
const MaxName = 200

// String returns "agent/sensor-1".
func (id Identity) String() string { return string(id.Kind) + "/" + id.Name }

// Check returns an error if the identity has an unknown kind or a bad name.
func (id Identity) Check() error {
	switch id.Kind {
	case Controller, Agent, Node, User:
	default:
		return fmt.Errorf("%q is not a kind of identity: it is controller, agent, node or user", printable(string(id.Kind)))
	}
	return CheckName(id.Name)
}

// CheckName returns an error if a name cannot be that of an identity.
func CheckName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return errors.New("a name must not be empty or a dot")
	case len(name) > MaxName:
		return fmt.Errorf("a name must not be longer than %d bytes", MaxName)
	case strings.ContainsFunc(name, notInName):
		return fmt.Errorf("%q is not a name: it must not hold slashes, blanks or characters that are not printed", printable(name))
	}
	return nil
}

// notInName reports whether a name must not hold a character. People compare names in the
// audit: so none may look like a blank or like nothing, and none may turn the text around.
func notInName(r rune) bool {
	return r == '/' || r == ' ' || r == 0xfffd || !unicode.IsPrint(r) || strings.ContainsRune("\u2800\u115f\u1160\u3164\uffa0", r)
}

// Parse parses "agent/sensor-1".
func Parse(text string) (Identity, error) {
	kind, name, found := strings.Cut(text, "/")
	id := Identity{Kind(kind), name}
	if !found {
		return Identity{}, fmt.Errorf("%q is not an identity: write a kind and a name, as in agent/sensor-1", printable(text))
	}
	return id, id.Check()
}

// URI returns the URI that a certificate of the cluster carries.
func (id Identity) URI(cluster string) *url.URL {
	path := "/" + string(id.Kind) + "/" + id.Name
	return &url.URL{Scheme: Scheme, Host: cluster, Path: path}
}

// FromURI returns the identity in a URI, and the ID of its cluster. It returns false if
// the URI is none of a cluster.
func FromURI(uri *url.URL) (id Identity, cluster string, ok bool) {
	if uri.Scheme != Scheme || uri.User != nil || uri.RawQuery != "" || uri.Fragment != "" {
		return Identity{}, "", false
	}
	id, err := Parse(strings.TrimPrefix(uri.Path, "/"))
	return id, uri.Host, err == nil && uri.Host != "" && uri.String() == id.URI(uri.Host).String()
}

// printable returns the beginning of a text from outside, for a message.
func printable(text string) string {
	const most = 64 // bytes
	return strings.ToValidUTF8(text[:min(len(text), most)], "?")
}
