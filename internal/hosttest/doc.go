// Package hosttest makes hosts for tests: systemd runs as the first process of namespaces, on a
// root file system that begins as this machine's. Programs, packages and services run there as
// on a real host, with real paths. What they write is in memory, and goes when the test ends.
//
// It needs Linux with overlayfs and cgroup v2, root, systemd, dbus, iproute2 and util-linux. A
// host has no hardware, and no kernel of its own: it shares processors, memory and the
// modules of this machine. Where the machine has the memory controller in cgroup v1, MemoryMax
// has no effect.
//
// Where the kernel refuses namespaces or overlays, a test with hosts is skipped, and standard error
// says so.
package hosttest
