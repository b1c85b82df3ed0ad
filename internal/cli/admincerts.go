package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// ShowAuthorities prints the authorities that the cluster trusts.
func (a Admin) ShowAuthorities(ctx context.Context) int {
	return a.ask(ctx, func(client *api.Client) error {
		list, err := client.Authorities(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(list, func(one api.Authority) bool { return one.Signing }) {
			a.Log.Notice("this controller signs no certificates: these authorities are an organisation's own (tls.ca)")
		}
		return a.printAuthorities(list)
	})
}

// WriteAuthorities prints the certificates of the authorities in PEM form, or writes them
// to the file out.
func (a Admin) WriteAuthorities(ctx context.Context, out string) int {
	return a.ask(ctx, func(client *api.Client) error {
		list, err := client.Authorities(ctx)
		if err != nil {
			return err
		}
		var text strings.Builder
		for _, one := range list {
			if _, err := identity.ReadCerts([]byte(one.Certificate)); err != nil {
				return fmt.Errorf("the certificate of authority %s: %w", one.Fingerprint, err)
			}
			text.WriteString(one.Certificate)
		}
		if out == "" {
			_, err = io.WriteString(a.Stdout, text.String())
			return err
		}
		return writeNew(out, []byte(text.String()), 0o644)
	})
}

// printAuthorities prints each authority below its fingerprint: a person compares
// fingerprints, and a row of a table would be too long for a terminal.
func (a Admin) printAuthorities(list []api.Authority) error {
	return show.PrintPage(a.output(), append([]api.Authority{}, list...), func() show.Page {
		var page show.Page
		for _, one := range list {
			signs := "no"
			if one.Signing {
				signs = "yes"
			}
			facts := show.Facts{
				fact("  key hash", one.KeyHash), fact("  signs", signs), fact("  created", local(one.Created, "-")),
				fact("  expires", local(one.Expires, "-")), fact("  awaited", awaited(one)),
			}
			if !one.Until.IsZero() {
				facts = append(facts, fact("  trusted", "at the latest until "+local(one.Until, "-")))
			}
			page = append(page, show.Text{Text: one.Fingerprint}, facts)
		}
		return page
	})
}

// awaited names those for whom an old authority is kept.
func awaited(a api.Authority) string {
	if a.Signing || len(a.Awaited) == 0 {
		return "-"
	}
	var names []string
	for _, name := range a.Awaited {
		if slices.Contains(a.Renewed, name) {
			name += " (has renewed)"
		}
		names = append(names, name)
	}
	return few(names)
}

// few returns a list for a person, with the number of those that it leaves out.
func few(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// RotateAuthority makes a new authority. It says what happens next, and who is awaited.
// With now, users are awaited for a few minutes alone.
func (a Admin) RotateAuthority(ctx context.Context, now bool) int {
	return a.ask(ctx, func(client *api.Client) error {
		list, err := client.RotateAuthority(ctx, now)
		if err != nil {
			return err
		}
		a.authorityReplaced = true // for renewContext
		a.Log.Notice("a new authority signs from now on; the old authority is trusted until every agent has a certificate of the new one")
		waiting := 0
		for _, one := range list {
			if !one.Signing && len(one.Awaited) > 0 {
				waiting += len(one.Awaited)
				a.Log.Notice("awaited: %s; at the latest until %s", awaited(one), local(one.Until, "-"))
			}
		}
		if waiting > 0 {
			a.Log.Notice("connected agents renew at once, other agents when they connect; a user's next command renews; a user who runs none until then logs in again; zeekfleet ca show says who is awaited")
		}
		return a.printAuthorities(list)
	})
}

// ListCertificates prints the certificates that are valid or revoked.
func (a Admin) ListCertificates(ctx context.Context) int {
	return a.ask(ctx, func(client *api.Client) error {
		list, err := client.Certificates(ctx)
		if err != nil {
			return err
		}
		sort.SliceStable(list, func(i, j int) bool {
			return cmp.Or(strings.Compare(list[i].Identity, list[j].Identity), list[i].Issued.Compare(list[j].Issued)) < 0
		})
		digits := serialDigits(list)
		columns := show.Heads("SERIAL", "IDENTITY", "ISSUED (UTC)", "EXPIRES (UTC)", "REVOKED (UTC)")
		return printList(a, list, columns, func(c api.IssuedCertificate) []string {
			return []string{
				c.Serial[:min(digits, len(c.Serial))], c.Identity,
				inUTC(c.Issued, toTheMinute), inUTC(c.Expires, toTheMinute), inUTC(c.Revoked, toTheMinute),
			}
		})
	})
}

// serialDigits returns how many digits tell the serial numbers of a list apart. There are
// at least eight, so that a certificate that is signed later rarely has the same ones.
func serialDigits(list []api.IssuedCertificate) int {
	serials := make([]string, len(list))
	for i, c := range list {
		serials[i] = c.Serial
	}
	slices.Sort(serials)
	digits := 8
	for i := 1; i < len(serials); i++ {
		same := 0
		for a, b := serials[i-1], serials[i]; same < len(a) && same < len(b) && a[same] == b[same]; {
			same++
		}
		digits = max(digits, same+1)
	}
	return digits
}

// theSerial returns the serial number that begins with what the user has given. Its error
// names what the user may have meant.
func theSerial(ctx context.Context, client *api.Client, given string) (string, error) {
	list, err := client.Certificates(ctx)
	if err != nil {
		return "", err
	}
	var fit, owners []string
	for _, c := range list {
		if given != "" && strings.HasPrefix(c.Serial, strings.ToLower(given)) {
			fit = append(fit, c.Serial)
		}
		if _, name, _ := strings.Cut(c.Identity, "/"); name == given && !slices.Contains(owners, c.Identity) {
			owners = append(owners, c.Identity)
		}
	}
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(fit) > 1:
		return "", fmt.Errorf("%d serial numbers begin with %s: %s", len(fit), given, few(fit))
	case len(owners) > 0:
		return "", fmt.Errorf("%s is no serial number: to revoke all certificates of an identity, name it with its kind: %s", quote(given), strings.Join(owners, " or "))
	}
	return "", fmt.Errorf("no certificate has a serial number that begins with %s (zeekfleet cert list)", quote(given))
}

// RevokeCertificate ends the certificate with a serial number, or all certificates of an
// identity.
func (a Admin) RevokeCertificate(ctx context.Context, what string) int {
	return a.ask(ctx, func(client *api.Client) error {
		in, text := api.RevokeRequest{Identity: what}, "all certificates of "+what+" are"
		if strings.Contains(what, "/") {
			if _, err := identity.Parse(what); err != nil {
				return err
			}
		} else {
			serial, err := theSerial(ctx, client, what)
			if err != nil {
				return err
			}
			in, text = api.RevokeRequest{Serial: serial}, "certificate "+serial+" is"
		}
		if err := client.Revoke(ctx, in); err != nil {
			return err
		}
		a.Log.Notice("%s revoked, and open connections end", text)
		return a.noteRest(ctx, client, in.Identity)
	})
}

// noteRest says what an identity still has whose certificates were revoked.
func (a Admin) noteRest(ctx context.Context, client *api.Client, revoked string) error {
	kind, name, _ := strings.Cut(revoked, "/")
	switch identity.Kind(kind) {
	case identity.User:
		tokens, err := client.Tokens(ctx)
		if err != nil {
			return err
		}
		var left []string
		for _, t := range tokens {
			if t.For == revoked && t.Kind == api.APIToken {
				left = append(left, t.ID+" ("+t.Name+")")
			}
		}
		if len(left) > 0 {
			a.Log.Notice("API tokens of %s still work: %s; end one with zeekfleet token revoke ID, or all with zeekfleet user remove %s", name, few(left), name)
		}
	case identity.Agent:
		list, err := client.Certificates(ctx)
		if err != nil {
			return err
		}
		var until time.Time
		for _, c := range list {
			if c.Identity == string(identity.Node)+"/"+name && c.Expires.After(until) {
				until = c.Expires
			}
		}
		if !until.IsZero() {
			a.Log.Notice("nodes of other hosts still take the key of its nodes, until %s: Zeek asks nobody whether a certificate was revoked. "+
				"If the key is stolen, only a new authority ends that: move authority.db away, and let everybody join again", local(until, "-"))
		}
	}
	return nil
}
