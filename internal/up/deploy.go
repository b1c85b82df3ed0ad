package up

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// deploy stages and deploys what is wanted. Failing nodes are noted, not
// returned: the rest of the cluster runs.
func (u *up) deploy(ctx context.Context) error {
	c, err := client.Dial(ctx, u.client)
	if err != nil {
		return err
	}
	defer c.Close()
	if u.wanted == nil {
		r, err := c.GetConfiguration(ctx, true)
		if err != nil {
			return err
		}
		if r.Success {
			u.warnWithoutPart(r.Data)
			return nil
		}
		u.wanted = defaultCluster(client.InstanceName(u.agent.Core.Name))
	}
	results, err := c.Stage(ctx, *u.wanted)
	if err != nil {
		return err
	}
	if mistakes := failures(results); len(mistakes) > 0 {
		return errors.New("the cluster was refused: " + strings.Join(mistakes, "; "))
	}
	staged, _ := client.ConfigurationID(results)
	results, err = c.DeployStaged(ctx, client.Deployment{ID: staged, OnProgress: func(text string) { u.tell(ctx, text) }})
	if err != nil {
		return err
	}
	if _, applied := client.ConfigurationID(results); !applied {
		return fmt.Errorf("%s was not applied: %s", u.source, strings.Join(failures(results), "; "))
	}
	if why := failures(results); len(why) > 0 {
		for _, r := range results {
			if !r.Success {
				u.noted = append(u.noted, r.Node)
			}
		}
		u.notes = append(append(u.notes, why...), "what failed is tried again; Ctrl-C stops everything")
	}
	return nil
}

// tell has text shown, unless nobody looks any more.
func (u *up) tell(ctx context.Context, text string) {
	select {
	case u.told <- text:
	case <-ctx.Done():
	}
}

// warnWithoutPart says so if nothing of the deployed configuration is this
// instance's: the host may have got another name.
func (u *up) warnWithoutPart(deployed client.Data) {
	name := client.InstanceName(u.agent.Core.Name)
	config, ok := deployed.(client.Configuration)
	here := func(i client.Instance) bool { return i.Name == name }
	if ok && !slices.ContainsFunc(config.Instances, here) {
		u.notes = append(u.notes, fmt.Sprintf("warning: what was deployed last has no instance %s: give a cluster file, or the instance's --name", name))
	}
}

// failures says of each failed result whose it is and why, unless another has
// said so before.
func failures(results []client.Result) []string {
	var texts []string
	for _, r := range results {
		if r.Success {
			continue
		}
		text := r.Error
		if text == "" {
			text = "no reason given"
		}
		switch {
		case r.Node != "":
			text = fmt.Sprintf("node %s: %s", r.Node, text)
		case r.Instance != "" && !strings.HasPrefix(text, fmt.Sprintf("instance '%s' ", r.Instance)):
			text = fmt.Sprintf("instance %s: %s", r.Instance, text)
		}
		if out, ok := r.Data.(client.NodeOutputs); ok && out.Stderr != "" {
			text += "; it printed:"
			for line := range strings.Lines(strings.TrimSpace(out.Stderr)) {
				text += "\n  " + cli.Printable(strings.TrimRight(line, "\r\n"))
			}
		}
		if slices.ContainsFunc(texts, func(said string) bool { return strings.Contains(said, text) }) {
			continue // an instance's reason quotes those of its nodes
		}
		texts = append(texts, text)
	}
	return texts
}

// defaultCluster is what a newcomer gets: one instance with four nodes.
func defaultCluster(instance client.InstanceName) *client.Configuration {
	node := func(name client.NodeName, role client.ClusterRole) client.Node {
		return client.Node{Name: name, Instance: instance, Role: role, State: client.Running}
	}
	return &client.Configuration{
		ID:        "default-" + string(instance),
		Instances: []client.Instance{{Name: instance, Host: client.UnknownHost}},
		Nodes: []client.Node{
			node("manager", client.Manager),
			node("logger", client.Logger),
			node("worker-1", client.Worker),
			node("worker-2", client.Worker),
		},
	}
}
