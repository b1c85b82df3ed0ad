package settings

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/sso"
)

// The bounds of a login through single sign-on.
const (
	minLogin, maxLogin = 5 * time.Minute, 30 * 24 * time.Hour
	maxGroupRoles      = 1000
)

// ssoIssuer is the key of the setting without which there is no single sign-on.
const ssoIssuer = "controller.sso.issuer"

// ssoTable lists the settings of single sign-on.
func ssoTable() []setting[Controller] {
	on := func(field func(*SSO) value) func(*Controller) value {
		return func(c *Controller) value { return field(&c.SSO) }
	}
	return []setting[Controller]{
		{key: ssoIssuer, flag: "sso-issuer", env: "ZEEKFLEET_SSO_ISSUER",
			doc:   "URL of the provider of OpenID Connect whose users may log in (default: none)",
			field: on(func(s *SSO) value { return urlAt(&s.Issuer, sso.CheckURL) })},
		{key: "controller.sso.client_id", flag: "sso-client-id", env: "ZEEKFLEET_SSO_CLIENT_ID",
			doc:   "the provider's name for this controller",
			field: on(func(s *SSO) value { return wordAt(&s.ClientID, "id") })},
		{key: "controller.sso.cli_client_id", flag: "sso-cli-client-id", env: "ZEEKFLEET_SSO_CLI_CLIENT_ID",
			doc:   "the provider's name for the command line, which has no secret (default: controller.sso.client_id)",
			field: on(func(s *SSO) value { return wordAt(&s.CLIClientID, "id") })},
		{key: "controller.sso.client_secret_file", flag: "sso-client-secret-file", env: "ZEEKFLEET_SSO_CLIENT_SECRET_FILE",
			doc:   "file with the secret of controller.sso.client_id, if it has one",
			field: on(func(s *SSO) value { return pathAt(&s.SecretFile, "file") })},
		{key: "controller.sso.roles", flag: "sso-roles", env: "ZEEKFLEET_SSO_ROLES",
			doc:   "GROUP=ROLE for each group whose members may log in; *=ROLE for everybody whom the provider knows",
			field: on(func(s *SSO) value { return groupRolesAt(&s.Roles) })},
		{key: "controller.sso.groups_claim", flag: "sso-groups-claim", env: "ZEEKFLEET_SSO_GROUPS_CLAIM", packages: true,
			doc:   "claim with the groups of a user; dots lead into objects",
			field: on(func(s *SSO) value { return wordAt(&s.GroupsClaim, "claim") })},
		{key: "controller.sso.name_claim", flag: "sso-name-claim", env: "ZEEKFLEET_SSO_NAME_CLAIM", packages: true,
			doc:   "claim with the name of a user; without it the verified email is the name",
			field: on(func(s *SSO) value { return wordAt(&s.NameClaim, "claim") })},
		{key: "controller.sso.subject_claim", flag: "sso-subject-claim", env: "ZEEKFLEET_SSO_SUBJECT_CLAIM", packages: true,
			doc:   "claim by which the provider itself knows a user, the same for all of its clients",
			field: on(func(s *SSO) value { return wordAt(&s.SubjectClaim, "claim") })},
		{key: "controller.sso.scopes", flag: "sso-scopes", env: "ZEEKFLEET_SSO_SCOPES", packages: true,
			doc:   "scopes that the provider is asked for",
			field: on(func(s *SSO) value { return wordsAt(&s.Scopes, "scopes") })},
		{key: "controller.sso.redirect_url", flag: "sso-redirect-url", env: "ZEEKFLEET_SSO_REDIRECT_URL",
			doc:   "https://HOST:PORT" + sso.CallbackPath + ", where the provider sends browsers back (default: none; only the command line can log in)",
			field: on(func(s *SSO) value { return urlAt(&s.RedirectURL, sso.CheckRedirectURL) })},
		{key: "controller.sso.ca_file", flag: "sso-ca-file", env: "ZEEKFLEET_SSO_CA_FILE",
			doc:   "PEM file with the authorities of the provider's certificate (default: those of the system)",
			field: on(func(s *SSO) value { return pathAt(&s.CAFile, "file") })},
		{key: "controller.sso.login_life", flag: "sso-login-life", env: "ZEEKFLEET_SSO_LOGIN_LIFE", packages: true,
			doc:   "how long a login counts; after that the user logs in at the provider again",
			field: on(func(s *SSO) value { return durationAt(&s.Life, minLogin, maxLogin) })},
	}
}

// check returns an error if settings of single sign-on are missing, or have no effect.
func (s SSO) check(o origins) error {
	if s.Issuer == "" {
		for _, set := range []struct {
			key   string
			given bool
		}{
			{"controller.sso.client_id", s.ClientID != ""},
			{"controller.sso.roles", len(s.Roles) > 0},
			{"controller.sso.redirect_url", s.RedirectURL != ""},
		} {
			if set.given {
				return fmt.Errorf("%s from %s has no effect without a provider: set %s", set.key, o.from(set.key), o.setBy(ssoIssuer))
			}
		}
		return nil
	}
	switch {
	case s.ClientID == "":
		return fmt.Errorf("%s from %s needs the provider's name for this controller: set %s", ssoIssuer, o.from(ssoIssuer), o.setBy("controller.sso.client_id"))
	case len(s.Roles) == 0:
		return fmt.Errorf("%s from %s needs groups that may log in: set %s", ssoIssuer, o.from(ssoIssuer), o.setBy("controller.sso.roles"))
	}
	return nil
}

// urlAt reads a URL that check accepts, or none.
func urlAt(p *string, check func(string) error) value {
	return at(p, "url", func(text string) (string, error) {
		if text == "" {
			return "", nil
		}
		if err := check(text); err != nil {
			return "", fmt.Errorf("not such a URL: %w", err)
		}
		return text, nil
	}, same)
}

// wordAt reads a text without blanks, or none.
//
//go:noinline
func wordAt(p *string, kind string) value {
	return at(p, kind, func(text string) (string, error) {
		if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return "", errors.New("not one word")
		}
		return text, nil
	}, same)
}

// groupRolesAt reads GROUP=ROLE for groups. They are words, or the lines that a list of
// the file becomes: in a list, the name of a group may have blanks.
func groupRolesAt(p *[]access.GroupRole) value {
	v := at(p, "roles", parseGroupRoles, func(rules []access.GroupRole) string {
		var texts []string
		for _, rule := range rules {
			texts = append(texts, rule.String())
			if strings.ContainsRune(rule.Group, ' ') {
				texts[len(texts)-1] = fmt.Sprintf("%q", rule)
			}
		}
		return strings.Join(texts, " ")
	})
	v.list = func(items []string) (string, error) {
		for _, item := range items {
			if strings.ContainsRune(item, '\n') {
				return "", fmt.Errorf("%q in the list has more than one line", item)
			}
		}
		if len(items) == 0 {
			return "", nil
		}
		return strings.Join(items, "\n") + "\n", nil
	}
	return v
}

func parseGroupRoles(text string) ([]access.GroupRole, error) {
	words := strings.Fields(text)
	if lines, ok := strings.CutSuffix(text, "\n"); ok {
		words = strings.Split(lines, "\n")
	}
	if len(words) > maxGroupRoles {
		return nil, fmt.Errorf("too long: it has %d groups, and at most %d are allowed", len(words), maxGroupRoles)
	}
	var rules []access.GroupRole
	seen := map[string]bool{}
	for _, word := range words {
		rule, err := access.ParseGroupRole(word)
		if err != nil {
			return nil, fmt.Errorf("not a list of groups with roles: %w", err)
		}
		if seen[rule.Group] {
			return nil, fmt.Errorf("not a list of groups with roles: the group %q is there twice", rule.Group)
		}
		seen[rule.Group] = true
		rules = append(rules, rule)
	}
	return rules, nil
}
