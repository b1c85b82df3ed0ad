// Package clusterfile owns cluster files: the configuration of a cluster in zeek-client's INI
// form (spec zeek-client section 7), for the command line and for the pages of a controller.
// It reads and writes them.
//
// What Text writes, Parse reads as the same configuration, except for what Lacks names. Every
// error and warning of Parse names the file and, where it has one, the line. A file is
// bounded. The package starts no goroutines.
package clusterfile
