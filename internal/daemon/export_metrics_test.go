package daemon

// PassMetrics is passMetrics.
var PassMetrics = passMetrics
