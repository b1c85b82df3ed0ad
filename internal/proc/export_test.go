package proc

// Orphans are what the first process of a container has to reap.
type Orphans struct{ orphans }

// Look is what housekeeping does from time to time.
func (o *Orphans) Look() error { return o.reap() }
