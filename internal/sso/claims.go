package sso

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// claims are what the provider says of a user.
type claims map[string]json.RawMessage

// find returns a claim: the one with that name or, if there is none, the one at that
// path, whose names have dots between them.
func (c claims) find(name string) (json.RawMessage, bool) {
	if value, ok := c[name]; ok {
		return value, !isNull(value)
	}
	first, rest, dotted := strings.Cut(name, ".")
	if !dotted {
		return nil, false
	}
	var inner claims
	if value, ok := c[first]; !ok || json.Unmarshal(value, &inner) != nil {
		return nil, false
	}
	return inner.find(rest)
}

func isNull(value json.RawMessage) bool { return bytes.Equal(bytes.TrimSpace(value), []byte("null")) }

// groups returns the texts in a claim: of a list, the names of an object (as some
// providers write roles), or the only one. It returns false if there is no such claim.
func (c claims) groups(name string) ([]string, bool, error) {
	value, ok := c.find(name)
	if !ok {
		return nil, false, nil
	}
	var list []string
	if json.Unmarshal(value, &list) == nil {
		return list, true, nil
	}
	var one string
	if json.Unmarshal(value, &one) == nil {
		return []string{one}, true, nil
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(value, &object) == nil {
		return slices.Sorted(maps.Keys(object)), true, nil
	}
	return nil, true, fmt.Errorf("the claim %q is neither a text nor a list of texts", name)
}

// text returns a claim that is a text. It is empty if there is no such claim.
func (c claims) text(name string) (string, error) {
	value, ok := c.find(name)
	if !ok {
		return "", nil
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return "", fmt.Errorf("the claim %q is not a text", name)
	}
	return text, nil
}

// emailClaim counts only if the provider has verified it: otherwise anybody could give
// the address of an admin.
const emailClaim = "email"

// email returns the address of the user if the provider has verified it.
func (c claims) email() (string, error) {
	address, err := c.text(emailClaim)
	if address == "" || err != nil {
		return "", err
	}
	switch string(bytes.TrimSpace(c["email_verified"])) {
	case "true", `"true"`:
		return address, nil
	}
	return "", nil
}

// name returns the name of the user: from a claim, or the verified address.
func (c claims) name(claim string) (string, error) {
	var name string
	var err error
	if claim != emailClaim {
		if name, err = c.text(claim); err != nil {
			return "", err
		}
	}
	if name == "" {
		if name, err = c.email(); err != nil {
			return "", err
		}
	}
	if name == "" {
		return "", fmt.Errorf("the provider tells no name: neither the claim %q nor a verified email", claim)
	}
	if err := identity.CheckName(name); err != nil {
		return "", fmt.Errorf("the provider's name for the user cannot be used: %w", err)
	}
	return name, nil
}

// complete reports whether there is a name and a group.
func (c claims) complete(cfg Config) bool {
	_, groups := c.find(cfg.GroupsClaim)
	name, err := c.name(cfg.NameClaim)
	return groups && err == nil && name != ""
}

// add takes the claims of other that c does not have.
func (c claims) add(other claims) error {
	if subject, err := other.text("sub"); err != nil || subject == "" {
		return errors.New("the provider does not say of whom its information is")
	} else if own, _ := c.text("sub"); subject != own {
		return errors.New("the provider gave information of somebody else")
	}
	if _, ok := c["email_verified"]; !ok {
		delete(c, emailClaim) // verified is said of the other address
	}
	for name, value := range other {
		if _, ok := c[name]; !ok {
			c[name] = value
		}
	}
	return nil
}
