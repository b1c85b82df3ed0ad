package cgroup

import "io/fs"

// Tree is what a Config has for the kernel.
type Tree interface {
	Mkdir(dir string, mode fs.FileMode) error
	Remove(dir string) error
}

// In returns cfg with groups that tree makes.
func (cfg Config) In(tree Tree) Config {
	cfg.fs = tree
	return cfg
}
