package cli

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// HostTools has the commands about hosts as machines.
type HostTools struct {
	Fleet
	// Instances are names and patterns of instances (path.Match). None means all.
	Instances []string
}

// hostsAtOnce bounds the hosts that are asked at a time.
const hostsAtOnce = 8

// ran is what Exec prints as data.
type ran struct {
	Items   []api.ExecResult `json:"items"`
	Missing []api.Missing    `json:"missing,omitempty"`
}

// Exec runs a command on hosts. It fails if the command fails on one of them.
func (f HostTools) Exec(ctx context.Context, argv []string) int {
	failed := false
	status := f.ask(ctx, func(c *api.Client) error {
		names, err := f.chosen(ctx, c)
		if err != nil {
			return err
		}
		result := ran{Items: []api.ExecResult{}}
		var mu sync.Mutex
		eachOf(names, func(name string) {
			r, err := c.Exec(ctx, name, argv)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				result.Missing = append(result.Missing, api.Missing{Instance: name, Why: err.Error()})
				return
			}
			result.Items = append(result.Items, r)
		})
		sort.Slice(result.Items, func(i, j int) bool { return result.Items[i].Instance < result.Items[j].Instance })
		sort.Slice(result.Missing, func(i, j int) bool { return result.Missing[i].Instance < result.Missing[j].Instance })
		failed = len(result.Missing) > 0 || slices.ContainsFunc(result.Items, func(r api.ExecResult) bool { return r.Exit != 0 })
		return f.printPage(result, func() show.Page { return execPage(result) })
	})
	if failed {
		return max(status, StatusFailed)
	}
	return status
}

// chosen returns the instances that the patterns choose.
func (f HostTools) chosen(ctx context.Context, c *api.Client) ([]string, error) {
	known, err := c.Instances(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, in := range known {
		names = append(names, in.Name)
	}
	return chooseNames(names, f.Instances)
}

// chooseNames returns the names that patterns choose, sorted. Each pattern must choose one.
func chooseNames(names, patterns []string) ([]string, error) {
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	found := map[string]bool{}
	for _, p := range patterns {
		any := false
		for _, name := range names {
			ok, err := path.Match(p, name)
			if err != nil {
				return nil, fmt.Errorf("%q is no pattern of names: %w", p, err)
			}
			if ok || p == name {
				found[name], any = true, true
			}
		}
		if !any {
			return nil, fmt.Errorf("no instance matches %q: zeekfleet get-instances lists them", p)
		}
	}
	var all []string
	for name := range found {
		all = append(all, name)
	}
	sort.Strings(all)
	return all, nil
}

// eachOf calls do for each name, for some of them at a time.
func eachOf(names []string, do func(string)) {
	var all sync.WaitGroup
	turns := make(chan struct{}, hostsAtOnce)
	for _, name := range names {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			do(name)
		})
	}
	all.Wait()
}

func execPage(result ran) show.Page {
	var page show.Page
	for _, r := range result.Items {
		if len(page) > 0 {
			page = append(page, show.Blank())
		}
		page = append(page, show.Text{Text: r.Instance + ": " + cmp.Or(r.Failure, fmt.Sprintf("exit status %d", r.Exit)) + ":"})
		if text := strings.TrimRight(r.Output, "\n"); text != "" {
			page = append(page, show.Block{Text: text})
		}
		if r.Cut {
			page = append(page, show.Text{Text: "There was more output, which is left out."})
		}
	}
	for _, m := range result.Missing {
		page = append(page, show.Text{Text: m.Instance + ": it was not run: " + m.Why})
	}
	return page
}
