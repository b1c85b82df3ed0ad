// Package measure measures this host for samples (mgmt.HostSample): the processes of nodes,
// processors, memory, disks, and the interfaces. It reads /proc, asks the kernel for its
// interfaces over rtnetlink, and starts no goroutine. What the kernel does not tell stays
// zero; nothing here fails.
package measure
