// Package sim runs a whole cluster in one goroutine, from a seed: controller,
// agents and nodes are their real cores, everything around them is made up.
//
// The network delays messages, overtakes between connections but never within
// one, and breaks; a partition is noticed by its two ends at different times.
// Processes start slowly, never say hello, hang when asked to end, end at once
// or later, cannot be looked at, may not be signalled. Disks lose what was not
// saved, and fail. Every part crashes at any step and starts again from what it
// saved, or an agent without that, with a wall clock that may have jumped
// meanwhile. Clients ask for everything, much of it nonsense.
//
// A run is a series of episodes: a time of mischief, then a time of peace in
// which everything must come right. What the cores promise is checked after
// every step of any of them, and what the cluster owes its users at the end of
// each peace. The same seed is the same run, step by step.
//
// The parts meet as the shells of package daemon have them meet: the same
// topics, the same filters, the same order of outcomes. The package starts no
// goroutine and reads no clock; independent runs may go side by side.
package sim
