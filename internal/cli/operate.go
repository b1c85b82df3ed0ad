package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/live"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// Operate begins an operation with nodes, and follows it.
func (f Fleet) Operate(ctx context.Context, in api.OperateRequest) int {
	return f.ask(ctx, func(c *api.Client) error {
		begun, err := c.Operate(ctx, in)
		if err != nil {
			return f.notBegun(ctx, 0, err)
		}
		return f.follow(ctx, c, begun)
	})
}

// Operations lists the operations that run and the latest that have ended.
func (f Fleet) Operations(ctx context.Context, q api.OperationQuery) int {
	return f.ask(ctx, func(c *api.Client) error {
		list, err := c.Operations(ctx, q)
		if err != nil {
			return err
		}
		return show.Print(f.output(), append([]api.Operation{}, list...), func() show.Table { return operationsTable(list) })
	})
}

func operationsTable(list []api.Operation) show.Table {
	table := show.Table{Empty: "there was no operation yet", Columns: []show.Column{
		{Head: "ID", Right: true}, {Head: "STATE"}, {Head: "WHAT", Least: 16, Wraps: true}, {Head: "STEPS", Right: true, Drop: 4},
		{Head: "BEGUN (UTC)", Drop: 2}, {Head: "TOOK", Right: true, Drop: 5}, {Head: "BY", Least: 6, Drop: 3},
		{Head: "NOTE", Least: 16, Wraps: true, Drop: 1, Optional: true},
	}}
	for _, o := range list {
		n := o.Counts
		steps := fmt.Sprintf("%d/%d", n.Done, n.Waiting+n.Running+n.Done+n.Failed+n.Skipped)
		row := show.Row(strconv.FormatUint(o.ID, 10), o.State, live.What(o), steps, inUTC(o.Begun, toTheSecond), took(o.Begun, o.Ended), o.Who, o.Note)
		row[1].Tone = stateTones[o.State]
		if o.Error != "" {
			row[7].Text = o.Error
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}

// Operation shows an operation. With follow, it goes on until the operation has ended, and
// the exit status is that of the operation.
func (f Fleet) Operation(ctx context.Context, id uint64, follow bool) int {
	return f.ask(ctx, func(c *api.Client) error {
		o, err := c.Operation(ctx, id)
		if err != nil {
			return err
		}
		if follow {
			return f.follow(ctx, c, o)
		}
		return f.printPage(o, func() show.Page { return append(operationFacts(o), stepsTable(o)) })
	})
}

// operationFacts shows all that there is to know of an operation, apart from its steps.
func operationFacts(o api.Operation) show.Page {
	facts := show.Facts{fact("begun", inUTC(o.Begun, toTheSecond)+" UTC by "+o.Who)}
	if !o.Ended.IsZero() {
		facts = append(facts, fact("ended", inUTC(o.Ended, toTheSecond)+" UTC"))
	}
	before := ""
	if o.Revision > 0 { // other operations leave it deployed
		before = asRevision(o.From)
	}
	for _, one := range []struct{ name, text string }{
		{"note", o.Note}, {"deployed before", before}, {"deployed", asRevision(o.Revision)},
		{"content of", asRevision(o.Of)}, {"takes back", asOperation(o.Reverts)}, {"taken back by", asOperation(o.RevertedBy)},
		{"deadline", deadlineText(o)},
	} {
		if one.text != "" {
			facts = append(facts, fact(one.name, one.text))
		}
	}
	return append(live.Summary(o), show.Blank(), facts, show.Blank())
}

// deadlineText says until when a deployment that runs may take.
func deadlineText(o api.Operation) string {
	if o.RevertAt.IsZero() || o.Ends() {
		return ""
	}
	return inUTC(o.RevertAt, toTheSecond) + " UTC"
}

func asRevision(r uint64) string {
	if r == 0 {
		return ""
	}
	return fmt.Sprintf("revision %d", r)
}

func asOperation(id uint64) string {
	if id == 0 {
		return ""
	}
	return fmt.Sprintf("operation %d", id)
}

func stepsTable(o api.Operation) show.Table {
	table := show.Table{Empty: "it concerns no node", Columns: []show.Column{
		{Head: "STATE"}, {Head: "ACTION"}, {Head: "NODE", Least: 12}, {Head: "INSTANCE", Least: 8}, {Head: "BATCH", Right: true, Drop: 1, Optional: true},
		{Head: "BECAUSE", Least: 20, Wraps: true, Drop: 2, Optional: true},
	}}
	tones := map[string]show.Tone{api.StepDone: show.Good, api.StepFailed: show.Bad, api.StepRunning: show.Warning, api.StepSkipped: show.Faint}
	for _, s := range o.Steps {
		batch := ""
		if s.Batch > 0 {
			batch = strconv.Itoa(s.Batch)
		}
		row := show.Row(s.State, s.Action, s.Node, s.Instance, batch, s.Because)
		row[0].Tone = tones[s.State]
		if s.Error != "" && !o.Ends() { // the summary of one that has ended says it
			row[5] = show.Cell{Text: s.Error, Tone: show.Bad}
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}

// Dispatch asks nodes for an action, and prints what each has answered. It fails if a node
// has not answered.
func (f Fleet) Dispatch(ctx context.Context, in api.DispatchRequest) int {
	return f.ask(ctx, func(c *api.Client) error {
		results, err := c.Dispatch(ctx, in)
		if err != nil {
			return err
		}
		err = f.printPage(append([]api.DispatchResult{}, results...), func() show.Page { return dispatchPage(results) })
		if err != nil {
			return err
		}
		if f.forPerson() { // the page has the failures
			if slices.ContainsFunc(results, func(r api.DispatchResult) bool { return !r.Success }) {
				return exitStatus(StatusFailed)
			}
			return nil
		}
		return f.dispatchFailures(results)
	})
}

func (f Fleet) dispatchFailures(results []api.DispatchResult) (failed error) {
	for _, r := range results {
		if !r.Success {
			f.Log.Error("%s: %s", at(r.Instance, r.Node), r.Error)
			failed = exitStatus(StatusFailed)
		}
	}
	return failed
}

// dispatchPage shows the answers as those of get-id-value. Below them it names the nodes
// that have not answered, once for each reason.
func dispatchPage(results []api.DispatchResult) show.Page {
	var nodes, reasons []string
	values, failed := document{}, map[string][]string{}
	for _, r := range results {
		name := at(r.Instance, r.Node)
		if r.Success {
			v, err := parseJSON(string(r.Value))
			if err != nil {
				v = string(r.Value)
			}
			nodes, values[r.Node] = append(nodes, r.Node), v
			continue
		}
		if failed[r.Error] == nil {
			reasons = append(reasons, r.Error)
		}
		failed[r.Error] = append(failed[r.Error], name)
	}
	var errors []any
	for _, why := range reasons {
		errors = append(errors, few(failed[why])+": "+why)
	}
	if len(results) == 0 {
		return show.Page{show.Text{Text: "no node was asked"}}
	}
	return valuesPage(nodes, values, errors)
}

// Scripts prints the scripts that a node has loaded, in the order in which it has loaded
// them.
func (f Fleet) Scripts(ctx context.Context, node string) int {
	return f.ask(ctx, func(c *api.Client) error {
		results, err := c.Dispatch(ctx, api.DispatchRequest{Action: "get_loaded_scripts", Selectors: []string{node}})
		if err != nil {
			return err
		}
		if err := f.dispatchFailures(results); err != nil {
			return err
		}
		if len(results) != 1 {
			return fmt.Errorf("%q names %s: name one", node, counted(len(results), "node"))
		}
		var scripts []string
		if err := json.Unmarshal(results[0].Value, &scripts); err != nil {
			return errors.New("node " + node + " has answered something else than a list of scripts")
		}
		return f.printPage(scripts, func() show.Page {
			var page show.Page
			for _, path := range scripts {
				page = append(page, show.Block{Text: path})
			}
			return page
		})
	})
}

// ParseDeadline parses the time of --rollback-on-failure, in seconds.
func ParseDeadline(text string) (int64, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > 24*time.Hour {
		return 0, errors.New("not a time between 1s and 24h, such as 2m")
	}
	return int64(d / time.Second), nil
}
