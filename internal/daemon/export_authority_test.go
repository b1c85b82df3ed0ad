package daemon

// Maker makes keys, certificates and secrets for the authority's core.
type Maker struct{ maker }
