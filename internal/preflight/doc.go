// Package preflight finds out what would keep nodes from running on this host, before
// the agent stops or starts nodes. It finds ports that are in use, interfaces that do
// not exist or are down, scripts that do not load, and missing directories,
// processors, disk space or permissions.
//
// It changes nothing. It binds each port and closes it at once. Zeek itself checks
// the scripts (`zeek -a`), in a scratch directory that is removed afterwards. Some
// functions collect facts about the host and others decide what is a problem, so that
// the decisions can be tested without such a host.
//
// Run blocks until all checks have ended. It starts one goroutine for each check of
// scripts, at most Config.Parallel at a time. After Run no goroutine and no process
// of it runs. A check that cannot be made is a finding too.
package preflight
