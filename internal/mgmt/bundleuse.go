package mgmt

import "slices"

// BundleUses returns, for all content that any configuration uses, the revisions that use
// it: the staged one, the deployed one, and those to which one can roll back, newest first.
func (s *Snapshot) BundleUses() map[BundleHash][]uint64 {
	used := map[BundleHash][]uint64{}
	add := func(revision uint64, list []Bundle) {
		for _, b := range list {
			if all := used[b.Hash]; len(all) == 0 || all[len(all)-1] != revision {
				used[b.Hash] = append(all, revision)
			}
		}
	}
	for _, c := range []*ConfigRevision{s.Staged, s.Deployed} {
		if c != nil {
			add(c.Revision, c.Config.Bundles())
		}
	}
	for _, c := range slices.Backward(s.History) {
		if c.Kept {
			add(c.Revision, c.Bundles)
		}
	}
	return used
}

// NeededBundles returns the content that any configuration uses, or one that is being
// deployed, sorted.
func (s *Snapshot) NeededBundles() []BundleHash {
	var hashes []BundleHash
	for hash := range s.BundleUses() {
		hashes = append(hashes, hash)
	}
	for _, b := range s.Deploying {
		hashes = append(hashes, b.Hash)
	}
	slices.Sort(hashes)
	return slices.Compact(hashes)
}
