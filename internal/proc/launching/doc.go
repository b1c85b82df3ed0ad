// Package launching is the launch helper of package proc: a process of this executable that reads
// orders from a pipe, and executes the program of a node.
//
// Whoever imports the package is such a helper when it is started with Name as Argv[0]. The
// helper runs in an init function, the only one in this module. It executes the program before
// the other packages are initialized, those of etcd and Prometheus among them: a launch costs
// 3 ms of a processor so, and 10 ms if main is the one that looks (BenchmarkLaunchHelper of
// cmd/zeekfleet). Packages are initialized in the order of their import paths, each after those that it
// imports. So this package imports little, and nothing of ours.
//
// The package starts no goroutine.
package launching
