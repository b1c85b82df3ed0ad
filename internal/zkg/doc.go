// Package zkg makes bundles of the packages that zkg, Zeek's package manager, has loaded on
// this host. It reads what zkg has installed, and changes nothing.
//
// The tree of such a bundle is one that a node can have in its ZEEKPATH and its
// ZEEK_PLUGIN_PATH:
//
//	packages.zeek              loads all packages, for "@load packages"
//	packages/NAME/             the scripts of a package
//	packages/__load__.zeek     loads all packages too, as in zkg's own directory
//	NAME                       a link to packages/NAME, for "@load NAME"; also for aliases
//	plugins/NAME/              the plugins of a package
//	.zeekfleet-bundle.json     the packages, and the Zeek that the plugins need
//
// The package starts no goroutines.
package zkg
