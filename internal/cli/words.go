package cli

import (
	"cmp"
	"context"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Word is a word that a shell can offer at some place of a command line.
type Word struct {
	Text string
	// About says what the word names.
	About string
}

// Words asks the controller what a command line can name: for a person who presses the key
// for completion. It prints nothing. If there is no controller, or none that answers this
// user in time, there are no words.
type Words struct{ commands *Commands }

// NewWords returns the Words of the controller that c asks.
func NewWords(c *Commands) Words {
	quiet := *c
	quiet.Log = &Log{Out: io.Discard, Quiet: true}
	quiet.AskPassphrase = nil
	return Words{&quiet}
}

// ask returns the words that find finds, without those that a shell cannot take.
func (w Words) ask(ctx context.Context, find func(*api.Client) ([]Word, error)) []Word {
	var words []Word
	err := w.commands.asked(ctx, func(error) {}, func(client *api.Client) (err error) {
		words, err = find(client)
		return err
	})
	if err != nil {
		return nil
	}
	var usable []Word
	for _, word := range words {
		if word.Text != "" && !strings.ContainsFunc(word.Text, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' }) {
			usable = append(usable, Word{word.Text, Printable(word.About)})
		}
	}
	return usable
}

// plurals are the roles of nodes as selectors name them.
var plurals = []struct {
	role mgmt.ClusterRole
	text string
}{{mgmt.Manager, "@managers"}, {mgmt.Logger, "@loggers"}, {mgmt.Proxy, "@proxies"}, {mgmt.Worker, "@workers"}}

// nodesOfCluster returns the nodes of the Zeek cluster.
func nodesOfCluster(ctx context.Context, client *api.Client) ([]api.Node, error) {
	all, err := client.Nodes(ctx)
	var nodes []api.Node
	for _, n := range all {
		for _, p := range plurals {
			if n.Role == string(p.role) {
				nodes = append(nodes, n)
			}
		}
	}
	return nodes, err
}

func wordOf(n api.Node) Word {
	return Word{n.Name, strings.ToLower(n.Role) + " on " + n.Instance + ", " + n.State}
}

// Nodes returns the names of nodes.
func (w Words) Nodes(ctx context.Context) []Word {
	return w.ask(ctx, func(client *api.Client) (words []Word, err error) {
		nodes, err := nodesOfCluster(ctx, client)
		for _, n := range nodes {
			words = append(words, wordOf(n))
		}
		return words, err
	})
}

// Selectors returns what names nodes: their names, roles and instances.
func (w Words) Selectors(ctx context.Context) []Word {
	return w.ask(ctx, func(client *api.Client) (words []Word, err error) {
		nodes, err := nodesOfCluster(ctx, client)
		roles, instances, seen := map[string]int{}, map[string]int{}, []string(nil)
		for _, n := range nodes {
			words = append(words, wordOf(n))
			roles[n.Role]++
			if instances[n.Instance]++; instances[n.Instance] == 1 {
				seen = append(seen, n.Instance)
			}
		}
		for _, p := range plurals {
			if count := roles[string(p.role)]; count > 0 {
				words = append(words, Word{p.text, counted(count, "node")})
			}
		}
		for _, name := range seen {
			words = append(words, Word{"%" + name, counted(instances[name], "node") + " of the instance"})
		}
		return words, err
	})
}

// Instances returns the names of instances.
func (w Words) Instances(ctx context.Context) []Word {
	return w.ask(ctx, func(client *api.Client) (words []Word, err error) {
		list, err := client.Instances(ctx)
		for _, i := range list {
			words = append(words, Word{i.Name, counted(i.Nodes, "node") + ", " + i.Standing})
		}
		return words, err
	})
}

// wordsShown bounds the revisions and operations that are offered: the newest ones.
const wordsShown = 50

// Revisions returns the numbers of revisions whose configuration the controller still has,
// newest first.
func (w Words) Revisions(ctx context.Context) []Word { return w.revisions(ctx, true) }

// PastRevisions returns the numbers of Revisions without the deployed one.
func (w Words) PastRevisions(ctx context.Context) []Word { return w.revisions(ctx, false) }

func (w Words) revisions(ctx context.Context, deployed bool) []Word {
	return w.ask(ctx, func(client *api.Client) (words []Word, err error) {
		list, err := client.Revisions(ctx, api.RevisionQuery{Limit: wordsShown})
		for _, r := range list {
			if !r.Kept || r.State == api.Deployed && !deployed {
				continue
			}
			text := dated(r.When, r.Who)
			if r.State == api.Deployed {
				text = "deployed, " + text
			}
			if r.Note != "" {
				text += ": " + r.Note
			}
			words = append(words, Word{strconv.FormatUint(r.Revision, 10), text})
		}
		return words, err
	})
}

func dated(when time.Time, who string) string {
	return when.Local().Format("2006-01-02 15:04") + " " + cmp.Or(who, "-")
}

// Operations returns the IDs of operations, newest first.
func (w Words) Operations(ctx context.Context) []Word {
	return w.operations(ctx, func(api.Operation) bool { return true })
}

// Resumable returns the IDs of rolling restarts with which another one can go on.
func (w Words) Resumable(ctx context.Context) []Word {
	return w.operations(ctx, func(o api.Operation) bool {
		return o.Kind == api.KindRestart && o.Batch > 0 && (o.State == api.OperationFailed || o.State == api.OperationInterrupted)
	})
}

func (w Words) operations(ctx context.Context, want func(api.Operation) bool) []Word {
	return w.ask(ctx, func(client *api.Client) (words []Word, err error) {
		list, err := client.Operations(ctx, api.OperationQuery{Limit: wordsShown})
		for _, o := range list {
			if want(o) {
				text := o.Kind + ", " + o.State + ", " + dated(o.Begun, o.Who)
				if o.Note != "" {
					text += ": " + o.Note
				}
				words = append(words, Word{strconv.FormatUint(o.ID, 10), text})
			}
		}
		return words, err
	})
}

// Crashes returns the IDs of records of crashes, newest first.
func (w Words) Crashes(ctx context.Context) []Word {
	return w.ask(ctx, func(client *api.Client) (words []Word, err error) {
		found, err := client.Crashes(ctx, "")
		for _, c := range found.Items {
			words = append(words, Word{c.ID, dated(c.When, c.Node) + " on " + c.Instance})
		}
		return words, err
	})
}

// Controllers returns the names of controllers.
func (w Words) Controllers(ctx context.Context) []Word {
	return w.ask(ctx, func(client *api.Client) (words []Word, err error) {
		list, err := client.Controllers(ctx)
		for _, m := range list.Members {
			words = append(words, Word{m.Name, m.Role})
		}
		return words, err
	})
}
