package daemon

const MaxSampleFacts = maxSampleFacts

var ReadSample = readSample
