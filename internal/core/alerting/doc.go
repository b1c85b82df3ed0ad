// Package alerting decides what in a cluster needs a person, and when a person is told.
//
// A Machine gets what others see: the cluster, crashes from the log of happenings, samples of
// hosts, the ends of certificates, and what users ask for. For each trouble it has one alert,
// however often the trouble is seen. An alert is pending until the trouble has lasted long
// enough, then it fires, and it is resolved when the trouble has been gone for a while. An
// alert that comes back soon after it was resolved takes longer to resolve each time, so that
// a trouble that comes and goes is told a few times and not a hundred times.
//
// What a Machine tells is written into the log of happenings first. Its own state may be saved
// later: a Machine that is restored reads in the log what it has told since.
//
// The package does no I/O, reads no clock and starts no goroutines.
package alerting
