package mgmt

import (
	"errors"
	"maps"
	"slices"
)

// InstancePlanBundle is a PlannedBundle without the instance.
type InstancePlanBundle struct {
	Name    string     `json:"name"`
	Kind    BundleKind `json:"kind"`
	Hash    BundleHash `json:"hash,omitempty"`
	Was     BundleHash `json:"was,omitempty"`
	Missing bool       `json:"missing,omitempty"`
}

// Check returns an error unless b can be a part of a plan.
func (b InstancePlanBundle) Check() error {
	if b.Hash == "" && b.Was == "" {
		return errors.New("a bundle without content")
	}
	for _, hash := range []BundleHash{b.Hash, b.Was} {
		if hash == "" {
			continue
		}
		if err := (Bundle{b.Name, b.Kind, hash}).check(); err != nil {
			return err
		}
	}
	return nil
}

// CompareBundles returns what becomes of the bundles of an instance, sorted by name.
func CompareBundles(before, after []Bundle) []InstancePlanBundle {
	named := map[string]InstancePlanBundle{}
	for _, b := range before {
		named[b.Name] = InstancePlanBundle{Name: b.Name, Kind: b.Kind, Was: b.Hash}
	}
	for _, b := range after {
		named[b.Name] = InstancePlanBundle{Name: b.Name, Kind: b.Kind, Hash: b.Hash, Was: named[b.Name].Was}
	}
	var list []InstancePlanBundle
	for _, name := range slices.Sorted(maps.Keys(named)) {
		list = append(list, named[name])
	}
	return list
}

// Miss marks the bundles with these names as missing.
func (p *InstancePlan) Miss(names []string) {
	for i, b := range p.Bundles {
		p.Bundles[i].Missing = slices.Contains(names, b.Name)
	}
}
