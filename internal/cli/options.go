package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sort"
	"strings"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Options has the commands about options of Zeek's configuration framework.
type Options struct{ Fleet }

// Set sets or unsets options of the deployed configuration: it deploys a configuration that
// differs from the deployed one in nothing else.
func (f Options) Set(ctx context.Context, change api.OptionChange, note string) int {
	return f.ask(ctx, func(c *api.Client) error {
		deployed, err := deployedNow(ctx, c)
		if err != nil {
			return err
		}
		return f.change(ctx, c, Change{Note: cmp.Or(note, changeNote(change))}, api.DeployRequest{
			Revision: deployed.Revision, Options: []api.OptionChange{change}, Seen: &deployed.Revision,
		})
	})
}

// deployedNow returns the deployed configuration.
func deployedNow(ctx context.Context, c *api.Client) (api.Configuration, error) {
	deployed, err := c.Configuration(ctx, api.Deployed)
	if p, ok := errors.AsType[*api.Problem](err); ok && p.Status == http.StatusNotFound {
		return deployed, errors.New("nothing is deployed, so there are no options to change or show: deploy a cluster file first (zeekfleet deploy FILE)")
	}
	return deployed, err
}

// changeNote says in the history what was changed, without the values: they may be secret.
func changeNote(change api.OptionChange) string {
	what := "set " + strings.Join(slices.Sorted(maps.Keys(change.Set)), ", ")
	if len(change.Set) == 0 {
		what = "unset " + strings.Join(change.Unset, ", ")
	}
	if len(change.Nodes) > 0 {
		what += " on " + few(change.Nodes)
	}
	return what
}

// SetOption is an option as it is set in the deployed configuration.
type SetOption struct {
	Name  string   `json:"name"`
	Value string   `json:"value"`
	Nodes []string `json:"nodes"`
	// where is Nodes for a person.
	where string
}

// List lists the options that the deployed configuration sets on the chosen nodes.
func (f Options) List(ctx context.Context, selectors []string) int {
	return f.ask(ctx, func(c *api.Client) error {
		deployed, err := deployedNow(ctx, c)
		if err != nil {
			return err
		}
		chosen, err := chosenNodes(deployed, selectors)
		if err != nil {
			return err
		}
		list := setOptions(chosen, deployed.Nodes)
		return show.Print(f.output(), list, func() show.Table {
			table := show.Table{Empty: "the deployed configuration sets no options there", Columns: []show.Column{
				{Head: "OPTION", Least: 16, Wraps: true}, {Head: "VALUE", Least: 16, Wraps: true}, {Head: "NODES", Least: 12, Wraps: true},
			}}
			for _, o := range list {
				table.Rows = append(table.Rows, show.Row(o.Name, o.Value, o.where))
			}
			return table
		})
	})
}

// chosenNodes returns the nodes of a configuration that selectors choose; without selectors
// all of them.
func chosenNodes(c api.Configuration, selectors []string) ([]api.ConfiguredNode, error) {
	if len(selectors) == 0 {
		return c.Nodes, nil
	}
	s, err := mgmt.ParseSelectors(selectors)
	if err != nil {
		return nil, err
	}
	var nodes []mgmt.Node
	for _, n := range c.Nodes {
		nodes = append(nodes, mgmt.Node{Name: mgmt.NodeName(n.Name), Instance: mgmt.InstanceName(n.Instance), Role: mgmt.ClusterRole(n.Role)})
	}
	names, err := s.Select(nodes)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(c.Nodes), func(n api.ConfiguredNode) bool {
		_, found := slices.BinarySearch(names, mgmt.NodeName(n.Name))
		return !found
	}), nil
}

// setOptions returns the options of nodes, each value once, sorted by name.
func setOptions(nodes, all []api.ConfiguredNode) []SetOption {
	type key struct{ name, value string }
	having := map[key][]string{}
	for _, n := range nodes {
		for name, value := range n.RunOptions {
			having[key{name, value}] = append(having[key{name, value}], n.Name)
		}
	}
	list := []SetOption{}
	for k, names := range having {
		slices.Sort(names)
		list = append(list, SetOption{k.name, k.value, names, whereText(names, all)})
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		return cmp.Or(cmp.Compare(a.Name, b.Name), slices.Compare(a.Nodes, b.Nodes), cmp.Compare(a.Value, b.Value)) < 0
	})
	return list
}

// whereText names nodes in few words: all nodes of Zeek, all of a role, or some names.
func whereText(names []string, all []api.ConfiguredNode) string {
	of := map[string][]string{}
	for _, n := range all {
		if len(n.Command) == 0 {
			of["all"], of[n.Role] = append(of["all"], n.Name), append(of[n.Role], n.Name)
		}
	}
	for _, list := range of {
		slices.Sort(list)
	}
	if slices.Equal(names, of["all"]) {
		return "all"
	}
	for _, p := range plurals {
		if len(names) > 1 && slices.Equal(names, of[string(p.role)]) {
			return p.text
		}
	}
	return few(names)
}

// LiveOption is an option at a node: the value that it has, and the one that was deployed.
type LiveOption struct {
	Instance string `json:"instance"`
	Node     string `json:"node"`
	Value    any    `json:"value"`
	// Deployed is nil if the configuration does not set the option.
	Deployed *string `json:"deployed"`
	Error    string  `json:"error,omitempty"`
}

// Get asks nodes for the value of an option. It fails if a node does not answer.
func (f Options) Get(ctx context.Context, name string, selectors []string) int {
	return f.ask(ctx, func(c *api.Client) error {
		deployed, err := deployedNow(ctx, c)
		if err != nil {
			return err
		}
		set := map[string]string{}
		for _, n := range deployed.Nodes {
			if value, ok := n.RunOptions[name]; ok {
				set[n.Name] = value
			}
		}
		results, err := c.Dispatch(ctx, api.DispatchRequest{Action: "get_id_value", Arguments: []string{name}, Selectors: selectors})
		if err != nil {
			return err
		}
		list := make([]LiveOption, 0, len(results))
		for _, r := range results {
			o := LiveOption{Instance: r.Instance, Node: r.Node, Error: r.Error}
			if value, ok := set[r.Node]; ok {
				o.Deployed = &value
			}
			if r.Success {
				if o.Value, err = parseJSON(string(r.Value)); err != nil {
					o.Value = string(r.Value)
				}
			}
			list = append(list, o)
		}
		if err := show.Print(f.output(), liveDocuments(list), func() show.Table { return liveTable(list) }); err != nil {
			return err
		}
		return f.dispatchFailures(results)
	})
}

func liveDocuments(list []LiveOption) documents {
	all := documents{}
	for _, o := range list {
		d := document{"instance": o.Instance, "node": o.Node, "value": o.Value, "deployed": nil}
		if o.Deployed != nil {
			d["deployed"] = *o.Deployed
		}
		if o.Error != "" {
			d["error"] = o.Error
		}
		all = append(all, d)
	}
	return all
}

func liveTable(list []LiveOption) show.Table {
	table := show.Table{Empty: "no node was asked", Columns: []show.Column{
		{Head: "NODE", Least: 12}, {Head: "INSTANCE", Least: 8, Drop: 1}, {Head: "VALUE", Least: 20, Wraps: true}, {Head: "DEPLOYED", Least: 12, Wraps: true},
	}}
	for _, o := range list {
		value, deployed := show.Cell{Text: "no answer", Tone: show.Bad}, show.Cell{Text: "-", Tone: show.Faint}
		if o.Error == "" {
			value = show.Cell{Text: liveText(o.Value)}
		}
		if o.Deployed != nil {
			deployed = show.Cell{Text: *o.Deployed}
		}
		table.Rows = append(table.Rows, append(show.Row(o.Node, o.Instance), value, deployed))
	}
	return table
}

// liveText returns a value for a cell of a table.
func liveText(v any) string {
	list, isList := v.([]any)
	switch {
	case !isContainer(v):
		return simpleText(v)
	case isList && !slices.ContainsFunc(list, isContainer):
		texts := make([]string, 0, len(list))
		for _, one := range list {
			texts = append(texts, simpleText(one))
		}
		return strings.Join(texts, ", ")
	}
	return strings.TrimSpace(renderJSON(v, false))
}

// Options returns the names of the options that the deployed configuration sets.
func (w Words) Options(ctx context.Context) []Word {
	return w.ask(ctx, func(client *api.Client) (words []Word, err error) {
		deployed, err := client.Configuration(ctx, api.Deployed)
		seen := map[string]bool{}
		for _, o := range setOptions(deployed.Nodes, deployed.Nodes) {
			if !seen[o.Name] {
				seen[o.Name] = true
				words = append(words, Word{o.Name, fmt.Sprintf("%s on %s", o.Value, o.where)})
			}
		}
		return words, err
	})
}
