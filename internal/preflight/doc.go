// Package preflight finds out, before anything is stopped or started, what
// would keep nodes from running on this host: ports that others hold, interfaces
// that do not exist or are down, scripts that do not load, missing directories,
// processors, room or permission.
//
// It looks and changes nothing: ports are bound and given up at once, and scripts
// are checked by Zeek itself (`zeek -a`), each in a scratch directory that is
// removed again. Facts are gathered in one place and judged in another, so that
// the judging is tested without the host that it is about.
//
// Run blocks until all is known. It starts one goroutine for each script check,
// as many at a time as Config.Parallel allows, and leaves nothing running: neither
// a goroutine nor a process. A check that could not be made is a finding as well.
package preflight
