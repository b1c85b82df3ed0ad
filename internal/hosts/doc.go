// Package hosts tests the program across hosts: its parts run as processes in
// network namespaces of their own, and the test is the cable between them,
// which it cuts, stretches and makes lossy. It holds tests only.
//
// The tests need Linux, root, and the ip command of iproute2; without one of
// them they fail, because a cluster that was not tested across hosts was not
// tested. They send nothing to any address outside the namespaces that they
// make, and remove these at their end; what a killed test leaves behind, the
// next one removes.
package hosts
