// Package zeekconf owns our knowledge of zeek.conf, from which Zeek's generator of systemd units
// makes a cluster (spec zeek-launch 2.4): the forms of Zeek 8.1 and 9.0, and the files
// HOST.zeek.conf of a cluster on several hosts. It reads these files and writes them.
//
// Expand returns the processes that the generator's units start: names, hosts, interfaces,
// processors, environment.
//
// Every error names the file and the line. All input is bounded. The package starts no
// goroutines and runs no programs.
package zeekconf
