package mgmt

import "slices"

// BundleUse says which configurations of a controller use the content of a bundle.
type BundleUse struct {
	// Revisions are the deployed one, and those before it whose configurations are kept,
	// oldest first.
	Revisions []uint64
	// Staged says that a staged configuration uses it.
	Staged bool
}

// BundleUses returns the use of all content that any configuration uses: those that are
// staged, that are deployed, and to which one can roll back.
func (s *Snapshot) BundleUses() map[BundleHash]BundleUse {
	uses := map[BundleHash]BundleUse{}
	add := func(bundles []Bundle, use func(*BundleUse)) {
		for _, b := range bundles {
			u := uses[b.Hash]
			use(&u)
			uses[b.Hash] = u
		}
	}
	revision := func(number uint64) func(*BundleUse) {
		return func(u *BundleUse) {
			if n := len(u.Revisions); n == 0 || u.Revisions[n-1] != number {
				u.Revisions = append(u.Revisions, number)
			}
		}
	}
	for _, past := range s.History {
		if past.Kept {
			add(past.Bundles, revision(past.Revision))
		}
	}
	if s.Deployed != nil {
		add(s.Deployed.Config.Bundles(), revision(s.Deployed.Revision))
	}
	if s.Staged != nil {
		add(s.Staged.Config.Bundles(), func(u *BundleUse) { u.Staged = true })
	}
	return uses
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
