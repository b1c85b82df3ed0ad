package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Machines has the commands about hosts as machines.
type Machines struct{ Fleet }

// Hardware prints the processors and the network interfaces of the hosts of instances, or of all
// of them.
func (f Machines) Hardware(ctx context.Context, names []string) int {
	return f.ask(ctx, func(c *api.Client) error {
		if len(names) == 0 {
			list, err := c.Instances(ctx)
			if err != nil {
				return err
			}
			for _, in := range list {
				names = append(names, in.Name)
			}
		}
		all := []api.Hardware{}
		for _, name := range names {
			h, err := c.Hardware(ctx, name)
			if err != nil {
				return err
			}
			all = append(all, h)
		}
		return f.printPage(all, func() show.Page { return hardwarePage(all) })
	})
}

func hardwarePage(all []api.Hardware) show.Page {
	if len(all) == 0 {
		return show.Page{show.Text{Text: "There are no instances."}}
	}
	cpus := show.Table{Columns: []show.Column{{Head: "INSTANCE", Least: 8}, {Head: "NUMA NODE"}, {Head: "CORES", Right: true}, {Head: "PROCESSORS", Least: 12}, {Head: "ISOLATED", Drop: 1}}}
	nics := show.Table{Columns: []show.Column{{Head: "INSTANCE", Least: 8}, {Head: "INTERFACE", Least: 8}, {Head: "NUMA NODE"}, {Head: "QUEUES", Right: true}, {Head: "DRIVER", Drop: 1}}}
	var page, notes show.Page
	for _, h := range all {
		if h.Err != "" {
			notes = append(notes, show.Text{Text: fmt.Sprintf("instance %s: %s", h.Instance, h.Err), Tone: show.Warning})
		}
		cpus.Rows = append(cpus.Rows, processorRows(h)...)
		for _, nic := range h.Interfaces {
			nics.Rows = append(nics.Rows, show.Row(h.Instance, nic.Name, numaText(nic.NUMANode), strconv.Itoa(nic.Queues), nic.Driver))
		}
		if h.More > 0 {
			notes = append(notes, show.Text{Text: fmt.Sprintf("instance %s has %d more interfaces", h.Instance, h.More)})
		}
	}
	for _, table := range []show.Table{cpus, nics} {
		if len(table.Rows) > 0 {
			page = append(page, table, show.Blank())
		}
	}
	if page = append(page, notes...); len(notes) == 0 && len(page) > 0 {
		page = page[:len(page)-1]
	}
	return page
}

// processorRows has a row for each NUMA node of a host.
func processorRows(h api.Hardware) [][]show.Cell {
	var order []int
	of := map[int][]api.Processor{}
	for _, p := range h.Processors {
		if of[p.NUMANode] == nil {
			order = append(order, p.NUMANode)
		}
		of[p.NUMANode] = append(of[p.NUMANode], p)
	}
	var rows [][]show.Cell
	for _, node := range order {
		cores := map[int]bool{}
		var all, isolated api.PlannedWorkers
		for _, p := range of[node] {
			cores[p.Core] = true
			all.Processors = append(all.Processors, p.Number)
			if p.Isolated {
				isolated.Processors = append(isolated.Processors, p.Number)
			}
		}
		rows = append(rows, show.Row(h.Instance, numaText(node), strconv.Itoa(len(cores)), all.ProcessorList(), isolated.ProcessorList()))
	}
	return rows
}

func numaText(node int) string {
	if node < 0 {
		return ""
	}
	return strconv.Itoa(node)
}

// hardware returns what clusterfile.Options want: it asks the controller.
func (f Machines) hardware(ctx context.Context) func(mgmt.InstanceName) (mgmt.Hardware, error) {
	return func(name mgmt.InstanceName) (h mgmt.Hardware, err error) {
		err = f.asked(ctx, f.doubted, func(c *api.Client) error {
			told, err := c.Hardware(ctx, string(name))
			if problem, ok := errors.AsType[*api.Problem](err); ok && problem.Status == 404 {
				return errors.New(cmp.Or(problem.Detail, "the controller does not know it, or is of a version that cannot tell"))
			}
			if err != nil {
				return errors.New(f.askMessage(err))
			}
			if len(told.Processors) == 0 {
				return errors.New(cmp.Or(told.Err, "nothing is known of it"))
			}
			for _, p := range told.Processors {
				h.Processors = append(h.Processors, mgmt.Processor(p))
			}
			for _, nic := range told.Interfaces {
				h.Interfaces = append(h.Interfaces, mgmt.NIC(nic))
			}
			h.MoreInterfaces = told.More
			return nil
		})
		return h, err
	}
}

// templatesPart shows what the templates of a cluster file have become.
func templatesPart(list []api.PlannedTemplate) show.Page {
	if len(list) == 0 {
		return nil
	}
	table := show.Table{Columns: []show.Column{
		{Head: "TEMPLATE", Least: 8}, {Head: "LINE", Right: true, Drop: 2}, {Head: "INSTANCE", Least: 8}, {Head: "INTERFACE"}, {Head: "NODES", Least: 12},
		{Head: "PROCESSORS", Optional: true}, {Head: "FAN-OUT ID", Right: true, Optional: true, Drop: 1},
	}}
	for _, t := range list {
		for _, g := range t.Groups {
			fanout := ""
			if g.FanoutID > 0 {
				fanout = strconv.Itoa(g.FanoutID)
			}
			table.Rows = append(table.Rows, show.Row("["+t.Name+"]", strconv.Itoa(t.Line), g.Instance, g.Interface, g.Names(), g.ProcessorList(), fanout))
		}
	}
	return show.Page{table, show.Blank()}
}
