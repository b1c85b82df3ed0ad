// Package zeekctl owns our knowledge of ZeekControl: the language of node.cfg, zeekctl.cfg
// and networks.cfg, what zeekctl starts with them, and what its spool says about what runs
// (spec zeek-launch 2.3). It reads these files and writes them.
//
// Read expands the files to the processes that zeekctl itself would start: names, hosts,
// interfaces, processors, environment. Options is the table of all options of zeekctl, and
// says what becomes of each one here; docs/zeekctl.md is made from it.
//
// Every error names the file and the line. All input is bounded. The package starts no
// goroutines and runs no programs.
package zeekctl
