// Package etcdstore keeps what the controllers of a cluster share in etcd. Engine is a
// quorum.Engine. It runs a member of etcd in this process, or is a client of the etcd of a
// site.
//
// A member of etcd in this process has no port for clients: the engine calls it directly. Its
// one port is for the other members, with TLS and certificates of an authority of their own.
// An error that etcd would end its process for comes out of Failed.
//
// Each write is one transaction of etcd that is guarded by the key of the lead, and by what
// the write replaces. A value that is larger than a chunk is stored in chunks first, which
// do not count before that transaction. So is a Save of more changes than a transaction of
// etcd can have: it becomes a batch, and counts from the moment at which the record of the
// revision names it. Whoever saves next moves the changes of the batch to their entries.
//
// The API of etcd 3.4 is enough. No transaction has more than 128 operations or 1.5 MiB, which
// are the limits of etcd as it is installed.
//
// The package starts the goroutines of etcd, and one that waits for their end. Close ends
// them, except after an error came out of Failed: then the process must end.
package etcdstore
