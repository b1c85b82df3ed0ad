package web

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// refuseWithoutContent refuses a configuration with a bundle whose content the controller
// does not have.
func (s changes) refuseWithoutContent(config mgmt.Configuration) error {
	for _, b := range config.Bundles() {
		if b.Hash.Check() != nil || mgmt.CheckBundleName(b.Name) != nil {
			continue // the configuration is refused for that
		}
		if s.cfg.Bundles == nil {
			return problem(http.StatusUnprocessableEntity, fmt.Sprintf("the configuration uses bundle %s, and this controller keeps no bundles", b.Name))
		}
		if _, ok := s.cfg.Bundles.Get(b.Hash); !ok {
			return problem(http.StatusUnprocessableEntity, fmt.Sprintf(
				"the controller does not have the content of bundle %s (%s): push it with zeekfleet bundle push %s DIRECTORY, or deploy a cluster file that names its directory",
				b.Name, b.Hash, ini.Word(b.Name)))
		}
	}
	return nil
}

// maxCompared bounds the bundles of which a plan says which files differ.
const maxCompared = 20

// plannedBundles returns the bundles whose content differs from the deployed one, and the
// files that differ.
func (s changes) plannedBundles(config mgmt.Configuration, deployed *mgmt.ConfigRevision, at []mgmt.PlannedBundle) []api.PlannedBundle {
	var before mgmt.Configuration
	if deployed != nil {
		before = deployed.Config
	}
	var list []api.PlannedBundle
	for i, d := range mgmt.BundleDifferences(before, config) {
		one := api.PlannedBundle{Name: d.Name, Kind: string(d.Kind), Hash: string(d.Now), Was: string(d.Was), Nodes: texts(d.Nodes)}
		for _, p := range at {
			if p.Name == d.Name && p.Hash == d.Now && p.Missing {
				one.Missing = append(one.Missing, string(p.Instance))
			}
		}
		if i < maxCompared && d.Was != "" && d.Now != "" {
			s.compare(&one, d)
		}
		list = append(list, one)
	}
	return list
}

// compare says which files of a bundle differ. It says nothing if the controller no longer
// has the content that is deployed: a plan is worth showing without that.
func (s changes) compare(one *api.PlannedBundle, d mgmt.BundleDifference) {
	if s.cfg.Bundles == nil {
		return
	}
	was, err := s.cfg.Bundles.Files(d.Was)
	if err != nil {
		return
	}
	now, err := s.cfg.Bundles.Files(d.Now)
	if err != nil {
		return
	}
	diff := bundle.Diff(was, now)
	one.Files = len(diff.Added) + len(diff.Removed) + len(diff.Changed)
	some := func(paths []string) []string { return slices.Clone(paths[:min(len(paths), api.MaxPlannedFiles)]) }
	one.Added, one.Removed, one.Changed = some(diff.Added), some(diff.Removed), some(diff.Changed)
}
