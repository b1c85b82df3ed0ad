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

// deployment deploys a cluster in the background.
type deployment struct {
	*background
	client   client.Config
	instance client.InstanceName
	wanted   *client.Configuration // as Config.Cluster
	source   string                // as Config.Source
	told     chan string           // texts that say what the deployment waits for
	notes    []string              // texts for the user after the end of the deployment
	noted    []client.NodeName     // the failed nodes that notes names
}

// deploy stages and deploys the cluster. A node that fails is noted and is no
// error: the rest of the cluster runs.
func (d *deployment) deploy(ctx context.Context) error {
	c, err := client.Dial(ctx, d.client)
	if err != nil {
		return err
	}
	defer c.Close()
	if d.wanted == nil {
		r, err := c.GetConfiguration(ctx, true)
		if err != nil {
			return err
		}
		if r.Success {
			d.warnWithoutPart(r.Data)
			return nil
		}
		d.wanted = defaultCluster(d.instance)
	}
	results, err := c.Stage(ctx, *d.wanted)
	if err != nil {
		return err
	}
	if mistakes := failures(results); len(mistakes) > 0 {
		return errors.New("the cluster was refused: " + strings.Join(mistakes, "; "))
	}
	staged, _ := client.ConfigurationID(results)
	results, err = c.DeployStaged(ctx, client.Deployment{ID: staged, OnProgress: func(text string) { d.tell(ctx, text) }})
	if err != nil {
		return err
	}
	if _, applied := client.ConfigurationID(results); !applied {
		return fmt.Errorf("%s was not applied: %s", d.source, strings.Join(failures(results), "; "))
	}
	if why := failures(results); len(why) > 0 {
		for _, r := range results {
			if !r.Success {
				d.noted = append(d.noted, r.Node)
			}
		}
		d.notes = append(append(d.notes, why...), "what failed is tried again; Ctrl-C stops everything")
	}
	return nil
}

// tell sends a text for the user to told. It waits until the text is received, or
// ctx is done.
func (d *deployment) tell(ctx context.Context, text string) {
	select {
	case d.told <- text:
	case <-ctx.Done():
	}
}

// warnWithoutPart adds a warning to notes if the deployed configuration does not
// have this instance: the host may have another name now.
func (d *deployment) warnWithoutPart(deployed client.Data) {
	name := d.instance
	config, ok := deployed.(client.Configuration)
	here := func(i client.Instance) bool { return i.Name == name }
	if ok && !slices.ContainsFunc(config.Instances, here) {
		d.notes = append(d.notes, fmt.Sprintf("warning: what was deployed last has no instance %s: give a cluster file, or the instance's --name", name))
	}
}

// failures returns a text for each failure. The text names the node or the instance,
// and says why it failed. A text that is part of an earlier text is left out.
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
			continue // an instance's error quotes the errors of its nodes
		}
		texts = append(texts, text)
	}
	return texts
}

// defaultCluster is the cluster for a user without a cluster file: one instance with
// four nodes.
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
