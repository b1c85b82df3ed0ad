// Package unregistered keeps the metrics of etcd out of the registry of the Prometheus client, where
// nobody reads them: the program has metrics of its own. Import it for that alone. It starts no goroutines.
package unregistered
